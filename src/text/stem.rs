//! Families of words: `stenosis` and `stenotic`, `infection` and `infected`.

/// The longest first within a family; `(suffix, what takes its place)`.
const SUFFIXES: &[(&str, &str)] = &[
    ("izations", ""),
    ("ization", ""),
    ("ational", ""),
    ("atively", ""),
    ("iveness", ""),
    ("fulness", ""),
    ("ousness", ""),
    ("itically", "it"),
    ("otically", "os"),
    ("ations", ""),
    ("ation", ""),
    ("ative", ""),
    ("ating", ""),
    ("atory", ""),
    ("ators", ""),
    ("ator", ""),
    ("ated", ""),
    ("ates", ""),
    ("ically", ""),
    ("itious", ""),
    ("itions", ""),
    ("ition", ""),
    ("itive", ""),
    ("itis", "it"),
    ("itic", "it"),
    ("osis", "os"),
    ("otic", "os"),
    ("esis", "et"),
    ("etic", "et"),
    ("ysis", "yt"),
    ("ytic", "yt"),
    ("ectasia", "ectas"),
    ("ectasis", "ectas"),
    ("ectatic", "ectas"),
    ("ancy", ""),
    ("ency", ""),
    ("ance", ""),
    ("ence", ""),
    ("ant", ""),
    ("ent", ""),
    ("matic", "m"),
    ("mata", "m"),
    ("ma", "m"),
    ("atic", ""),
    ("ical", ""),
    ("ials", ""),
    ("ial", ""),
    ("ious", ""),
    ("eous", ""),
    ("uous", ""),
    ("ous", ""),
    ("eal", ""),
    ("ual", ""),
    ("al", ""),
    ("aries", ""),
    ("ary", ""),
    ("ory", ""),
    ("ular", "ul"),
    ("ar", ""),
    ("alities", ""),
    ("ality", ""),
    ("ities", ""),
    ("ity", ""),
    ("ives", ""),
    ("ive", ""),
    ("ments", ""),
    ("ment", ""),
    ("ness", ""),
    ("able", ""),
    ("ible", ""),
    ("ful", ""),
    ("ions", ""),
    ("ion", ""),
    ("ings", ""),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("ly", ""),
    ("ies", ""),
    ("ics", ""),
    ("ic", ""),
    ("ism", ""),
    ("ist", ""),
    ("ate", ""),
    ("ia", ""),
    ("ea", ""),
    ("ae", ""),
    ("um", ""),
    ("us", ""),
    ("is", ""),
    ("es", ""),
    ("er", ""),
    ("or", ""),
    ("y", ""),
    ("a", ""),
    ("e", ""),
    ("s", ""),
    ("i", ""),
    ("o", ""),
];

/// What a word shares with its derivations; equal stems are a hint (worth less than equal words), never an identity.
///
/// One suffix falls, the longest that leaves four letters; a stem is at least that long, so short words are their own.
pub fn stem(word: &str) -> String {
    if word.len() < 5 || !word.is_ascii() {
        return word.to_owned();
    }
    let mut stem = word.to_owned();
    for (suffix, instead) in SUFFIXES {
        if word.ends_with(suffix) && word.len() - suffix.len() + instead.len() >= 4 && word.len() - suffix.len() >= 3 {
            stem.truncate(word.len() - suffix.len());
            stem.push_str(instead);
            break;
        }
    }
    // `swelled`, `swell`: a doubled consonant at the end says nothing.
    let b = stem.as_bytes();
    if b.len() > 4 && b[b.len() - 1] == b[b.len() - 2] && b[b.len() - 1] != b's' {
        stem.pop();
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn families() {
        for family in [
            &["stenosis", "stenotic"][..],
            &["infection", "infected", "infectious", "infective"],
            &["ulcer", "ulceration", "ulcerative", "ulcerated"],
            &["diabetes", "diabetic"],
            &["trauma", "traumatic"],
            &["ischemia", "ischemic"],
            &["malignant", "malignancy"],
            &["pregnant", "pregnancy"],
            &["arthritis", "arthritic"],
            &["paralysis", "paralytic"],
            &["abnormal", "abnormality"],
            &["allergy", "allergic"],
        ] {
            for word in family {
                assert_eq!(stem(word), stem(family[0]), "{word}");
            }
        }
    }

    #[test]
    fn strangers() {
        for (a, b) in
            [("arthritis", "arthrosis"), ("nephritis", "nephrosis"), ("right", "left"), ("tibia", "fibula"), ("hepatitis", "hepatic")]
        {
            assert_ne!(stem(a), stem(b));
        }
    }
}

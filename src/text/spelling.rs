//! Which spellings are the same word: accents, British and American, plural and singular, numbers, fixed shorthand.

use std::borrow::Cow;

use unicode_normalization::char::decompose_compatible;

/// The outcome for one raw word.
pub(super) enum Spelled {
    Same,
    As(&'static str),
    New(String),
}

/// Appends the folded letters of `c`; false where `c` is neither letter nor digit.
pub(super) fn fold(c: char, out: &mut String, longest: usize) -> bool {
    let special = match c {
        'ß' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ł' | 'Ł' => "l",
        'þ' | 'Þ' => "th",
        'ı' => "i",
        _ => "",
    };
    if !special.is_empty() {
        if out.len() < longest {
            out.push_str(special);
        }
        return true;
    }
    let mut any = false;
    decompose_compatible(c, |d| {
        if d.is_alphanumeric() {
            any = true;
            for l in d.to_lowercase().filter(|l| l.is_alphanumeric()) {
                if out.len() < longest {
                    out.push(l);
                }
            }
        }
    });
    // A combining mark belongs to the letter before it.
    any || (!out.is_empty() && unicode_normalization::char::is_combining_mark(c))
}

pub(super) fn is_ordinal_suffix(tail: &str) -> bool {
    matches!(tail, "st" | "nd" | "rd" | "th")
}

/// Words that tell no title from another.
pub(super) fn is_stop(word: &str) -> bool {
    const LONGEST: usize = "mention".len();
    word.len() <= LONGEST
        && matches!(
            word,
            "of" | "the"
                | "and"
                | "or"
                | "in"
                | "to"
                | "for"
                | "a"
                | "an"
                | "by"
                | "on"
                | "at"
                | "as"
                | "from"
                | "is"
                | "are"
                | "due"
                | "that"
                | "this"
                | "be"
                | "which"
                | "was"
                | "has"
                | "its"
                | "it"
                | "mention"
                | "et"
                | "into"
                | "than"
                | "their"
                | "having"
        )
}

/// Words after which a single `a` is a letter: hepatitis a, vitamin a.
pub(super) fn takes_letter(word: &str) -> bool {
    matches!(
        word,
        "hepatitis"
            | "vitamin"
            | "type"
            | "group"
            | "class"
            | "influenza"
            | "hemophilia"
            | "factor"
            | "category"
            | "streptococcus"
            | "salmonella"
            | "strep"
            | "hep"
            | "vit"
            | "grade"
            | "stage"
            | "level"
            | "botulism"
            | "paratyphoid"
            | "immunoglobulin"
            | "thalassemia"
    )
}

/// Words after which `i`, `v` and `x` are numbers.
fn takes_number(word: &str) -> bool {
    matches!(
        word,
        "type"
            | "stage"
            | "grade"
            | "class"
            | "level"
            | "degree"
            | "category"
            | "group"
            | "factor"
            | "phase"
            | "part"
            | "bipolar"
            | "typ"
            | "collagen"
            | "angle"
            | "angiotensin"
            | "mucopolysaccharidosis"
            | "glycogenosis"
            | "gaucher"
    ) || word.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

/// Letters around a slash.
pub(super) fn slashed(left: &str, right: &str) -> Option<&'static [&'static str]> {
    Some(match (left, right) {
        ("w", "o") => &["without"],
        ("c", "w") | ("a", "w") => &["with"],
        ("d", "t") | ("2", "2") | ("r", "t") | ("s", "t") => &[],
        ("s", "p") => &["status", "post"],
        ("h", "o") => &["history"],
        ("f", "h") => &["family", "history"],
        ("b", "l") => &["bilateral"],
        ("f", "u") => &["follow", "up"],
        ("n", "v") => &["nausea", "vomiting"],
        ("i", "d") => &["intellectual", "disability"],
        ("c", "o") | ("r", "o") | ("y", "o") => &[],
        _ => return None,
    })
}

/// The normal form of a raw word, given the normal form of the word before it.
pub(super) fn canonical(raw: &str, previous: Option<&str>) -> Spelled {
    if let Some(word) = fixed(raw) {
        return Spelled::As(word);
    }
    if let Some(number) = number(raw, previous) {
        return number;
    }
    if raw.len() < 4 || !raw.is_ascii() {
        return Spelled::Same;
    }
    let american = american(raw);
    let word = singular(&american);
    match word {
        Cow::Owned(word) => Spelled::New(settle(word)),
        Cow::Borrowed(word) if word.len() != raw.len() => Spelled::New(settle(word.to_owned())),
        _ => match american {
            Cow::Owned(word) => Spelled::New(settle(word)),
            Cow::Borrowed(_) => Spelled::Same,
        },
    }
}

/// A rule may bring forth a word that another rule knows (`haemorrhoidses`): goes on until nothing changes.
fn settle(word: String) -> String {
    let mut word = word;
    for _ in 0..4 {
        if let Some(fixed) = fixed(&word) {
            return fixed.to_owned();
        }
        if word.len() < 4 {
            break;
        }
        let next = singular(&american(&word)).into_owned();
        if next == word {
            break;
        }
        word = next;
    }
    word
}

/// Shorthand that has one meaning, irregular plurals, number words.
fn fixed(raw: &str) -> Option<&'static str> {
    Some(match raw {
        "nos" | "unsp" | "unspec" | "unspecif" | "unspecfied" | "unspcf" | "uns" => "unspecified",
        "nec" | "oth" | "othr" | "others" => "other",
        "w" => "with",
        "wo" | "wout" | "w0" => "without",
        "bilat" | "bilaterally" | "both" => "bilateral",
        "rt" => "right",
        "lt" => "left",
        "one" | "first" | "1st" => "1",
        "two" | "second" | "2nd" => "2",
        "three" | "third" | "3rd" => "3",
        "four" | "fourth" | "4th" => "4",
        "five" | "fifth" | "5th" => "5",
        "six" | "sixth" | "6th" => "6",
        "seven" | "seventh" | "7th" => "7",
        "eight" | "eighth" | "8th" => "8",
        "nine" | "ninth" | "9th" => "9",
        "ten" | "tenth" | "10th" => "10",
        "eleven" | "eleventh" | "11th" => "11",
        "twelve" | "twelfth" | "12th" => "12",
        "ii" => "2",
        "iii" => "3",
        "vi" => "6",
        "vii" => "7",
        "viii" => "8",
        "ix" => "9",
        "xi" => "11",
        "xii" => "12",
        "xiii" => "13",
        "iia" => "2a",
        "iib" => "2b",
        "iiia" => "3a",
        "iiib" => "3b",
        "iiic" => "3c",
        "gm" | "gms" | "gram" | "grams" | "gramme" | "grammes" => "gram",
        "hr" | "hrs" | "hours" => "hour",
        "wk" | "wks" => "week",
        "yr" | "yrs" => "year",
        "mos" => "month",
        "children" => "child",
        "women" => "woman",
        "men" => "man",
        "feet" => "foot",
        "teeth" => "tooth",
        "lice" => "louse",
        "mice" => "mouse",
        "knives" => "knife",
        "wolves" => "wolf",
        "calves" => "calf",
        "ova" => "ovum",
        "indices" => "index",
        "apices" => "apex",
        "cervices" => "cervix",
        "cortices" => "cortex",
        "appendices" => "appendix",
        "diverticula" => "diverticulum",
        "phalanges" => "phalanx",
        "meninges" => "meninx",
        "larynges" => "larynx",
        "feces" | "faeces" => "feces",
        "fetus" | "foetus" | "fetuses" => "fetus",
        "virus" | "viruses" => "virus",
        "sinuses" => "sinus",
        "aluminium" => "aluminum",
        "grey" => "gray",
        "orthopaedic" | "orthopaedics" => "orthopedic",
        "without" | "diabetes" | "herpes" | "rabies" | "scabies" | "caries" | "ascites" | "biceps" | "triceps" | "quadriceps"
        | "forceps" | "series" | "species" | "facies" | "always" | "lens" | "mumps" | "measles" | "shingles" | "perhaps" | "afterwards"
        | "pancreas" | "tabes" | "pubes" | "litotes" | "rickets" | "hives" | "yaws" | "kuru" | "trousseaus" | "gas" | "bias" | "atlas"
        | "canvas" | "christmas" | "texas" | "meninx" | "menopause" => return same(raw),
        _ => return None,
    })
}

/// The static spelling of a word that a plural rule would harm.
fn same(raw: &str) -> Option<&'static str> {
    const KEPT: &[&str] = &[
        "without",
        "diabetes",
        "herpes",
        "rabies",
        "scabies",
        "caries",
        "ascites",
        "biceps",
        "triceps",
        "quadriceps",
        "forceps",
        "series",
        "species",
        "facies",
        "always",
        "lens",
        "mumps",
        "measles",
        "shingles",
        "perhaps",
        "afterwards",
        "pancreas",
        "tabes",
        "pubes",
        "litotes",
        "rickets",
        "hives",
        "yaws",
        "kuru",
        "trousseaus",
        "gas",
        "bias",
        "atlas",
        "canvas",
        "christmas",
        "texas",
        "meninx",
        "menopause",
    ];
    KEPT.iter().find(|k| **k == raw).copied()
}

fn number(raw: &str, previous: Option<&str>) -> Option<Spelled> {
    let roman = match raw {
        "i" => "1",
        "iv" => "4",
        "v" => "5",
        "x" => "10",
        _ => "",
    };
    if !roman.is_empty() && previous.is_some_and(takes_number) {
        return Some(Spelled::As(roman));
    }
    let digits = raw.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && (raw.len() == digits || is_ordinal_suffix(&raw[digits..])) {
        let plain = raw[..digits].trim_start_matches('0');
        let plain = if plain.is_empty() { "0" } else { plain };
        return Some(if plain.len() == raw.len() { Spelled::Same } else { Spelled::New(plain.to_owned()) });
    }
    None
}

/// British spellings, by the Greek and Latin roots in which they occur.
fn american(word: &str) -> Cow<'_, str> {
    const ROOTS: &[(&str, &str)] = &[
        ("haem", "hem"),
        ("aemi", "emi"),
        ("aema", "ema"),
        ("oedem", "edem"),
        ("oesoph", "esoph"),
        ("oestr", "estr"),
        ("paedi", "pedi"),
        ("paedo", "pedo"),
        ("gynaec", "gynec"),
        ("anaes", "anes"),
        ("anaer", "anaer"),
        ("caec", "cec"),
        ("coeli", "celi"),
        ("foet", "fet"),
        ("faec", "fec"),
        ("rrhoe", "rrhe"),
        ("pnoe", "pne"),
        ("amoeb", "ameb"),
        ("aetio", "etio"),
        ("praec", "prec"),
        ("naev", "nev"),
        ("caesar", "cesar"),
        ("ischaem", "ischem"),
        ("leuco", "leuko"),
        ("leucaem", "leukem"),
        ("sulph", "sulf"),
        ("isation", "ization"),
        ("perinae", "perine"),
        ("peritonae", "peritone"),
        ("tumour", "tumor"),
        ("colour", "color"),
        ("behaviour", "behavior"),
        ("labour", "labor"),
        ("odour", "odor"),
        ("humour", "humor"),
        ("fibre", "fiber"),
        ("centre", "center"),
        ("litre", "liter"),
        ("metre", "meter"),
        ("paralyse", "paralyze"),
        ("oophoritis", "oophoritis"),
        ("homoeo", "homeo"),
        ("manoeuv", "maneuv"),
        ("defence", "defense"),
        ("mould", "mold"),
        ("gangraen", "gangren"),
        ("synaes", "synes"),
        ("haemato", "hemato"),
        ("judgement", "judgment"),
        ("ageing", "aging"),
    ];
    // Nearly every word holds none: the digraphs tell at once.
    let b = word.as_bytes();
    let suspicious = b.windows(2).any(|w| matches!(w, b"ae" | b"oe" | b"ou" | b"ph" | b"re" | b"uc" | b"is" | b"ys" | b"nc" | b"ge"));
    if !suspicious {
        return Cow::Borrowed(word);
    }
    let mut out = Cow::Borrowed(word);
    for (british, american) in ROOTS {
        if let Some(replaced) = replace_root(&out, british, american) {
            out = Cow::Owned(replaced);
        }
    }
    out
}

/// Replaces a root where it is one; `None` where it is not.
fn replace_root(word: &str, british: &str, american: &str) -> Option<String> {
    if !word.contains(british) {
        return None;
    }
    // In `gastroesophageal` and `angioedema` the `o` joins two roots; British has two there: `gastro-oesophageal`.
    let joins = |before: &str| match british {
        "oesoph" => !before.is_empty() && !before.ends_with('o'),
        "oedem" => before.ends_with('i'),
        _ => british == american,
    };
    let mut out = String::new();
    let mut from = 0;
    for (at, _) in word.match_indices(british).filter(|(at, _)| !joins(&word[..*at])) {
        out.push_str(&word[from..at]);
        out.push_str(american);
        from = at + british.len();
    }
    (from > 0).then(|| out + &word[from..])
}

/// The singular, by rules that give the same for both; rather a wrong stem on both sides than two stems.
fn singular(word: &str) -> Cow<'_, str> {
    let ending = |s: &str| word.ends_with(s) && word.len() >= s.len() + 3;
    let cut = |n: usize| &word[..word.len() - n];
    if ending("mata") {
        return Cow::Borrowed(cut(2));
    }
    for (plural, one) in [
        ("cocci", "coccus"),
        ("bacilli", "bacillus"),
        ("calculi", "calculus"),
        ("thrombi", "thrombus"),
        ("emboli", "embolus"),
        ("bronchi", "bronchus"),
        ("fungi", "fungus"),
        ("nuclei", "nucleus"),
        ("vertebrae", "vertebra"),
        ("bursae", "bursa"),
        ("fistulae", "fistula"),
        ("bullae", "bulla"),
        ("sequelae", "sequela"),
        ("meatuses", "meatus"),
        ("mucosae", "mucosa"),
        ("papillae", "papilla"),
        ("scapulae", "scapula"),
        ("fibulae", "fibula"),
        ("tibiae", "tibia"),
        ("fossae", "fossa"),
        ("bacteria", "bacterium"),
        ("ganglia", "ganglion"),
    ] {
        if word.ends_with(plural) {
            return Cow::Owned(format!("{}{one}", cut(plural.len())));
        }
    }
    // What stands behind a digit is no plural: `abc0s` stays one word.
    let after_digit = word.len() >= 2 && word.as_bytes()[word.len() - 2].is_ascii_digit();
    if after_digit || !word.ends_with('s') || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") || word.len() < 4 {
        return Cow::Borrowed(word);
    }
    for ses in ["oses", "yses", "tases", "ptyses", "rheses"] {
        if ending(ses) {
            return Cow::Owned(format!("{}is", cut(2)));
        }
    }
    if ending("ies") {
        return Cow::Owned(format!("{}y", cut(3)));
    }
    for es in ["sses", "shes", "ches", "xes", "zzes", "uses"] {
        if ending(es) {
            return Cow::Borrowed(cut(2));
        }
    }
    if word.ends_with("itides") {
        return Cow::Owned(format!("{}s", cut(3)));
    }
    Cow::Borrowed(cut(1))
}

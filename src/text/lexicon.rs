//! Clinical shorthand and synonyms from common knowledge, written for this project by hand: `abbreviations.txt` and `synonyms.txt`.
//!
//! Both are lists of phrases. Ambiguous abbreviations keep all their meanings; which one was meant shows only against a title. The tables
//! hold general medical language, never the titles of one code system.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::Words;

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::parse(include_str!("abbreviations.txt"), include_str!("synonyms.txt")));

/// Why one phrase may stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `MI` for `myocardial infarction`.
    Abbreviation,
    /// `heart attack` for `myocardial infarction`.
    Synonym,
    /// `cancer` for `carcinoma`: the second is narrower, or nearly the same.
    Related,
}

/// One meaning of a phrase, in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub words: Box<[Box<str>]>,
    pub kind: Kind,
}

/// A phrase without its first word, and what it may stand for.
type Phrase = (Box<[Box<str>]>, Vec<Meaning>);

/// Phrases and what they may stand for.
#[derive(Debug, Default)]
pub struct Lexicon {
    /// By first word: the other words of the phrase, and its meanings. Longest phrases first.
    phrases: HashMap<Box<str>, Vec<Phrase>>,
    /// The first words of phrases of several words, by their first letter.
    by_letter: HashMap<char, Vec<Box<str>>>,
    /// Phrases of one word, in order.
    single: Vec<Box<str>>,
}

impl Lexicon {
    /// The table of this build.
    pub fn get() -> &'static Lexicon {
        &LEXICON
    }

    /// The phrases with which `words` begins: how many words each has, and what they may stand for.
    pub fn phrases<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a [Meaning])> {
        let (first, rest) = words.split_first().unwrap_or((&"", &[]));
        self.phrases.get(*first).into_iter().flatten().filter_map(move |(tail, meanings)| {
            let fits = tail.len() <= rest.len() && tail.iter().zip(rest).all(|(a, b)| **a == **b);
            fits.then_some((1 + tail.len(), meanings.as_slice()))
        })
    }

    /// Phrases of several words with which `words` nearly begins: one word the same (or the phrase is long), every other `like` that of the phrase and with
    /// its first letter. Not those that [`phrases`](Lexicon::phrases) gives.
    pub fn phrases_like<'a>(
        &'a self,
        words: &'a [&'a str],
        like: impl Fn(&str, &str) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = (usize, &'a [Meaning])> {
        let (first, rest) = words.split_first().unwrap_or((&"", &[]));
        let firsts = first.chars().next().and_then(|letter| self.by_letter.get(&letter)).map_or(&[][..], Vec::as_slice);
        firsts.iter().filter(move |known| **first == ***known || like(first, known)).flat_map(move |known| {
            let tails = self.phrases.get(known).map_or(&[][..], Vec::as_slice);
            tails.iter().filter_map(move |(tail, meanings)| {
                if tail.is_empty() || tail.len() > rest.len() {
                    return None;
                }
                let same = usize::from(**first == **known) + tail.iter().zip(rest).filter(|(a, b)| ***a == ***b).count();
                let near = |(a, b): (&str, &str)| a == b || (a.as_bytes().first() == b.as_bytes().first() && like(b, a));
                // Where no word is the same, only a long phrase is sure enough.
                let least = usize::from(first.len() + rest[..tail.len()].iter().map(|w| w.len()).sum::<usize>() < 9);
                let fits = (least..=tail.len()).contains(&same) && tail.iter().map(AsRef::as_ref).zip(rest.iter().copied()).all(near);
                fits.then_some((1 + tail.len(), meanings.as_slice()))
            })
        })
    }

    /// What the phrases may stand for that `words` begin: all of their words but the last the same, the last one unfinished.
    pub fn phrases_beginning<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = &'a [Meaning]> {
        let (last, whole) = words.split_last().unwrap_or((&"", &[]));
        let goes_on = move |word: &str| word.len() > last.len() && word.starts_with(*last);
        let tails = whole.first().and_then(|first| self.phrases.get(*first)).map_or(&[][..], Vec::as_slice);
        let of_several = tails.iter().filter(move |(tail, _)| match tail.split_last() {
            Some((end, before)) => before.iter().map(AsRef::as_ref).eq(whole[1..].iter().copied()) && goes_on(end),
            None => false,
        });
        let single =
            if whole.is_empty() && !last.is_empty() { &self.single[self.single.partition_point(|word| **word < **last)..] } else { &[] };
        let of_one = single.iter().take_while(move |word| word.starts_with(*last)).filter(move |word| goes_on(word));
        let of_one = of_one.filter_map(|word| self.phrases.get(word)?.iter().find(|(tail, _)| tail.is_empty()));
        of_several.chain(of_one).map(|(_, meanings)| meanings.as_slice())
    }

    /// Every phrase with its meanings, in order.
    pub fn entries(&self) -> impl Iterator<Item = (String, &[Meaning])> {
        let mut firsts: Vec<_> = self.phrases.iter().collect();
        firsts.sort_by_key(|(first, _)| *first);
        firsts.into_iter().flat_map(|(first, tails)| {
            tails.iter().map(move |(tail, meanings)| {
                let mut phrase = first.to_string();
                for word in tail {
                    phrase.push(' ');
                    phrase.push_str(word);
                }
                (phrase, meanings.as_slice())
            })
        })
    }

    /// Abbreviations: `short = meaning | meaning`. Synonyms: `phrase = phrase = phrase`, each for each other; `phrase > phrase = phrase`: the
    /// first may stand for the others, not they for it. `#` begins a comment.
    fn parse(abbreviations: &str, synonyms: &str) -> Lexicon {
        let mut lexicon = Lexicon::default();
        let mut words = Words::new();
        let mut phrase = |text: &str| -> Vec<Box<str>> { words.read(text).iter().map(|w| w.text.into()).collect() };
        for line in lines(abbreviations) {
            let Some((short, meanings)) = line.split_once('=') else { continue };
            let short = phrase(short);
            for meaning in meanings.split('|') {
                lexicon.add(&short, phrase(meaning), Kind::Abbreviation);
            }
        }
        for line in lines(synonyms) {
            if let Some((from, to)) = line.split_once('>') {
                let to: Vec<_> = to.split('=').map(&mut phrase).collect();
                for from in from.split('=').map(&mut phrase) {
                    for to in &to {
                        lexicon.add(&from, to.clone(), Kind::Related);
                    }
                }
                continue;
            }
            let same: Vec<_> = line.split('=').map(&mut phrase).collect();
            for from in &same {
                for to in same.iter().filter(|to| *to != from) {
                    lexicon.add(from, to.clone(), Kind::Synonym);
                }
            }
        }
        for tails in lexicon.phrases.values_mut() {
            tails.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        }
        for (first, tails) in &lexicon.phrases {
            if let (Some(letter), true) = (first.chars().next(), tails.iter().any(|(tail, _)| !tail.is_empty())) {
                lexicon.by_letter.entry(letter).or_default().push(first.clone());
            }
        }
        let alone = lexicon.phrases.iter().filter(|(_, tails)| tails.iter().any(|(tail, _)| tail.is_empty()));
        lexicon.single = alone.map(|(first, _)| first.clone()).collect();
        lexicon.single.sort();
        lexicon.by_letter.values_mut().for_each(|firsts| firsts.sort());
        lexicon
    }

    fn add(&mut self, from: &[Box<str>], to: Vec<Box<str>>, kind: Kind) {
        let Some((first, tail)) = from.split_first() else { return };
        if to.is_empty() || from == to {
            return;
        }
        let tails = self.phrases.entry(first.clone()).or_default();
        let at = match tails.iter().position(|(t, _)| **t == *tail) {
            Some(at) => at,
            None => {
                tails.push((tail.into(), Vec::new()));
                tails.len() - 1
            }
        };
        let meanings = &mut tails[at].1;
        if !meanings.iter().any(|m| *m.words == *to) {
            meanings.push(Meaning { words: to.into(), kind });
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|l| l.split('#').next().unwrap_or("").trim()).filter(|l| !l.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meanings(text: &str) -> Vec<String> {
        let mut words = Words::new();
        words.read(text);
        let words: Vec<&str> = words.iter().map(|w| w.text).collect();
        Lexicon::get().phrases(&words).filter(|(n, _)| *n == words.len()).flat_map(|(_, m)| m).map(|m| m.words.join(" ")).collect()
    }

    #[test]
    fn known_phrases() {
        assert!(meanings("heart attack").contains(&"myocardial infarction".to_owned()));
        assert!(meanings("MI").contains(&"myocardial infarction".to_owned()));
        assert!(meanings("kidney").contains(&"renal".to_owned()));
        assert!(meanings("hx").contains(&"personal history".to_owned()));
        assert!(meanings("xyzzy").is_empty());
    }

    /// A class of drugs is not any one of them: who says `opioid` does not say heroin.
    #[test]
    fn drugs_mean_their_class_and_not_the_other_way_round() {
        for (drug, class) in [("heroin", "opioid"), ("Tylenol", "4 aminophenol derivative"), ("Xanax", "benzodiazepine")] {
            assert!(meanings(drug).contains(&class.to_owned()), "{drug}: {:?}", meanings(drug));
            assert!(!meanings(class).contains(&drug.to_lowercase()), "{class}: {:?}", meanings(class));
        }
    }

    #[test]
    fn ambiguous_abbreviations_keep_their_meanings() {
        let ms = meanings("MS");
        assert!(ms.contains(&"multiple sclerosis".to_owned()) && ms.contains(&"mitral stenosis".to_owned()), "{ms:?}");
    }

    #[test]
    fn unfinished_phrases() {
        let may_mean =
            |words: &[&str], meaning: &str| Lexicon::get().phrases_beginning(words).flatten().any(|m| m.words.join(" ") == meaning);
        assert!(may_mean(&["heart", "att"], "myocardial infarction"));
        assert!(may_mean(&["melas"], "chloasma"));
        // What is finished is found by `phrases`.
        assert!(!may_mean(&["melasma"], "chloasma") && !may_mean(&["heart", "attack"], "myocardial infarction"));
        assert!(!may_mean(&["heart", "x"], "myocardial infarction"));
        assert_eq!(Lexicon::get().phrases_beginning(&[]).count(), 0);
    }

    #[test]
    fn every_line_is_used() {
        for (file, separators) in [(include_str!("abbreviations.txt"), &['='][..]), (include_str!("synonyms.txt"), &['=', '>'])] {
            for line in lines(file) {
                assert!(line.contains(separators), "{line}");
                for part in line.split(['=', '>', '|']) {
                    assert!(!Words::new().read(part).is_empty(), "an empty phrase in: {line}");
                }
            }
        }
    }
}

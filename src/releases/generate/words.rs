//! Terms made of syllables: they look like a terminology to an index, and mean nothing.

use super::Prng;

const SYLLABLES: [&str; 40] = [
    "ba", "cor", "den", "fil", "gra", "hep", "ilo", "jun", "kar", "lum", "mor", "nix", "oto", "pel", "qua", "rhi", "sol", "tar", "umb",
    "ven", "wes", "xan", "yol", "zet", "bri", "cla", "dro", "fra", "glo", "hym", "lap", "mep", "nal", "osk", "pry", "ruv", "sta", "tem",
    "ulk", "vib",
];
const ENDINGS: [&str; 12] = ["itis", "osis", "oma", "ia", "al", "ic", "ectomy", "ous", "um", "or", "is", "pathy"];
const TAGS: [&str; 6] = ["disorder", "finding", "procedure", "body structure", "observable entity", "situation"];
const ODDITIES: [&str; 6] = ["\"so-called\"", "(possible)", "50% / day", "type 2 & 3", "– très Ménière", "'s"];

/// A lexicon of made-up words.
pub struct Words {
    words: Vec<String>,
}

impl Words {
    pub fn new(seed: u64) -> Words {
        let mut random = Prng::new(seed ^ 0x77_6f72_6473);
        let word = |random: &mut Prng| {
            let mut word: String = (0..1 + random.below(3)).map(|_| random.pick(&SYLLABLES)).collect();
            word.push_str(random.pick(&ENDINGS));
            word
        };
        Words { words: (0..12_000).map(|_| word(&mut random)).collect() }
    }

    fn word(&self, n: usize) -> &str {
        &self.words[n % self.words.len()]
    }

    /// What the n-th concept is called; words are shared between neighbours, as in a terminology.
    pub fn topic(&self, n: usize) -> String {
        let mut random = Prng::new(n as u64);
        let mut topic = capitalised(self.word(n / 3));
        for word in [self.word(random.below(400)), self.word(n * 31 + 7)] {
            topic.push(' ');
            topic.push_str(word);
        }
        if random.below(4) == 0 {
            topic = format!("{topic} of {}", self.word(random.below(200)));
        }
        if n.is_multiple_of(97) {
            topic = format!("{topic} {}", random.pick(&ODDITIES));
        }
        topic
    }

    pub fn tag(&self, n: usize) -> &'static str {
        TAGS[n / 5 % TAGS.len()]
    }

    /// Another name of the n-th concept.
    pub fn synonym(&self, random: &mut Prng, n: usize) -> String {
        let (extra, first) = (random.below(self.words.len()), random.below(3));
        match first {
            0 => format!("{} {} {}", capitalised(self.word(n * 31 + 7)), self.word(n / 3), self.word(extra)),
            1 => format!("{}, {}", capitalised(self.word(n / 3)), self.word(extra)),
            _ => format!("{} {}", capitalised(self.word(extra)), self.word(n * 31 + 7)),
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

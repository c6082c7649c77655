//! The weights of the features.
//!
//! Fitted, not chosen: a listwise softmax (the likelihood of the right concept among the sixty best), by gradient descent with a small
//! penalty on size, on every second question of four development sets (ICD-10-CM titles with typing errors and shortened, ICD-9-CM long
//! and 24-character titles with the ICD-10-CM code of an exact GEM entry, Disease Ontology names), the sets weighing alike. What the other
//! half said is in benches/README.md. Those from `extra newborn` on came later and were fitted by themselves, plain phrases and the texts of
//! the tabular's notes beside the four sets; those for headings and for what is left open were then taken smaller, for titles with typing
//! errors lost places to headings. Course, family and what stands beside a denial were set by hand and held against the sets. The features
//! are properties of any question and any title; none knows a code or a word of these sets.

pub const FEATURES: [&str; 52] = [
    "asked words met",
    "title words covered",
    "both",
    "met by the same word",
    "exactly the title",
    "missing (rarity)",
    "missing (share)",
    "missing unspecified",
    "missing other",
    "missing encounter",
    "missing side",
    "missing with",
    "missing number",
    "missing words",
    "extra unspecified",
    "extra other",
    "extra specified",
    "extra initial",
    "extra subsequent",
    "extra sequela",
    "extra encounter",
    "extra side",
    "other side",
    "extra with",
    "extra without",
    "extra number",
    "other number",
    "extra after without",
    "extra (rarity)",
    "extra words",
    "order",
    "adjacent",
    "first of title",
    "first of question",
    "short title",
    "synonym",
    "heading",
    "exact heading",
    "length",
    "denied, but in the title",
    "asked, but denied in the title",
    "missing of what is denied",
    "met elsewhere in the concept",
    "extra newborn",
    "extra pregnancy",
    "extra reason of a visit",
    "extra course",
    "extra family",
    "extra unspecified, few words",
    "heading, few words",
    "extra manifestation",
    "extra beside what is denied, few words",
];

/// The feature that looks beyond the term.
pub const ELSEWHERE: usize = 42;
/// The first of those that count what narrows a title to some patients or visits.
pub const CIRCUMSTANCE: usize = 43;
/// The first of two that count where little was asked.
pub const BRIEF: usize = 48;
/// What is only coded behind its cause.
pub const MANIFESTATION: usize = 50;
/// What a title says besides, of a question that is careful to say what is not there.
pub const BESIDE_DENIAL: usize = 51;

pub const WEIGHTS: [f32; 52] = [
    4.819, 2.598, 6.909, 0.815, 1.844, -0.021, -3.085, -2.854, -1.183, -3.987, -3.733, -1.327, -0.965, -0.528, -2.414, -2.640, -0.167,
    -2.428, -3.634, -2.508, -0.020, -2.063, -0.245, -1.645, -0.352, -2.853, -2.509, 0.075, 0.049, -0.540, 0.178, 1.007, 0.536, 0.074,
    -2.340, -1.573, -1.498, -2.815, 0.220, -13.602, -10.823, -1.611, 10.016, -3.700, -2.600, -0.800, -2.000, -3.000, 2.200, 1.200, -2.500,
    -12.600,
];

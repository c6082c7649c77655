//! The weights of the features.
//!
//! Fitted, not chosen: a listwise softmax (the likelihood of the right concept among the sixty best), by gradient descent with a small
//! penalty on size, on every second question of four development sets (ICD-10-CM titles with typing errors and shortened, ICD-9-CM long
//! and 24-character titles with the ICD-10-CM code of an exact GEM entry, Disease Ontology names), the sets weighing alike. What the other
//! half said is in benches/README.md. The features are properties of any question and any title; none knows a code or a word of these sets.

pub const FEATURES: [&str; 43] = [
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
];

/// The feature that looks beyond the term.
pub const ELSEWHERE: usize = FEATURES.len() - 1;

pub const WEIGHTS: [f32; 43] = [
    4.819, 2.598, 6.909, 0.815, 1.844, -0.021, -3.085, -2.854, -1.183, -3.987, -3.733, -1.327, -0.965, -0.528, -2.414, -2.640, -0.167,
    -2.428, -3.634, -2.508, -0.020, -2.063, -0.245, -1.645, -0.352, -2.853, -2.509, 0.075, 0.049, -0.540, 0.178, 1.007, 0.536, 0.074,
    -2.340, -1.573, -1.498, -2.815, 0.220, -13.602, -10.823, -1.611, 10.016,
];

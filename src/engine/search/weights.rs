//! The weights of the features.
//!
//! Fitted, not chosen: a listwise softmax (the likelihood of the right concept among the sixty best), by gradient descent with a small
//! penalty on size, on every second question of four development sets (ICD-10-CM titles with typing errors and shortened, ICD-9-CM long
//! and 24-character titles with the ICD-10-CM code of an exact GEM entry, Disease Ontology names), the sets weighing alike. What the other
//! half said is in benches/README.md. Three were chosen: those of what a short question leaves unsaid of newborns, pregnancy and visits;
//! codes for the newborn's record (ICD-10-CM guidelines, I.C.16) are for no one else's. The features are properties of any question and any title; none knows a code or a word of these sets.

pub const FEATURES: [&str; 48] = [
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
    "extra bilateral",
    "left open",
];

/// The feature that looks beyond the term.
pub const ELSEWHERE: usize = 42;
/// The first of those that count what narrows a title to some patients or visits.
pub const CIRCUMSTANCE: usize = 43;
pub const BILATERAL: usize = 46;
pub const LEFT_OPEN: usize = 47;

pub const WEIGHTS: [f32; 48] = [
    5.027, 2.689, 8.058, 1.146, 1.961, 0.002, -3.395, -3.236, -1.283, -4.435, -4.210, -1.504, -1.301, -0.653, -1.915, -2.549, -0.418,
    -3.201, -3.603, -2.595, 0.246, -2.728, -0.307, -1.893, 0.055, -2.768, -2.515, 0.067, 0.075, -0.680, 0.344, 0.842, 0.681, 0.240, -2.287,
    -1.704, -1.253, -1.879, 0.492, -13.956, -10.863, -1.377, 10.595, -4.000, -2.000, -1.000, -1.667, -1.838,
];

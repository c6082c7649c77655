//! The weights of the features.

pub const FEATURES: [&str; 39] = [
    "asked words met", "title words covered", "both", "met by the same word", "exactly the title", "missing (rarity)", "missing (share)",
    "missing unspecified", "missing other", "missing encounter", "missing side", "missing with", "missing number", "missing words",
    "extra unspecified", "extra other", "extra specified", "extra initial", "extra subsequent", "extra sequela", "extra encounter", "extra side",
    "other side", "extra with", "extra without", "extra number", "other number", "extra after without", "extra (rarity)", "extra words",
    "order", "adjacent", "first of title", "first of question", "short title", "synonym", "heading", "exact heading", "length",
];

pub const WEIGHTS: [f32; 39] = [
    6.0, 3.0, 4.0, 1.0, 2.0, -0.1, 0.0,
    -0.2, -0.2, -0.5, -0.8, -0.2, -0.8, -0.3,
    -0.15, -0.5, -0.1, -0.1, -0.5, -0.7, -0.05, -0.4,
    -1.0, -0.1, -0.1, -0.3, -0.7, -0.03, -0.06, -0.1,
    0.4, 0.4, 0.3, 0.2, -0.1, -0.05, -0.2, 0.1, -0.3,
];

//! The weights of the features.

pub const FEATURES: [&str; 39] = [
    "asked words met", "title words covered", "both", "met by the same word", "exactly the title", "missing (rarity)", "missing (share)",
    "missing unspecified", "missing other", "missing encounter", "missing side", "missing with", "missing number", "missing words",
    "extra unspecified", "extra other", "extra specified", "extra initial", "extra subsequent", "extra sequela", "extra encounter", "extra side",
    "other side", "extra with", "extra without", "extra number", "other number", "extra after without", "extra (rarity)", "extra words",
    "order", "adjacent", "first of title", "first of question", "short title", "synonym", "heading", "exact heading", "length",
];

pub const WEIGHTS: [f32; 39] = [4.025, 2.730, 5.480, 0.092, 2.018, -0.034, -2.533, -3.429, -1.515, -2.442, -4.165, -1.693, -1.104, -0.713, -2.119, -2.812, -0.060, -2.534, -2.729, -1.671, -0.054, -2.639, 3.850, -2.200, -1.375, -2.450, -1.810, 0.003, 0.006, -0.300, 0.451, 0.624, 0.273, 0.169, -1.121, -0.700, -1.892, -2.529, 1.025];

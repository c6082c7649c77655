//! Map rules: conditions on age, sex and co-existing findings, three-valued. (Being built.)

//! What answers look like as JSON. The only place that knows.

pub mod fhir;

//! What Prometheus is told. Labels are few and fixed: no code, no address, no token ever becomes one.

use super::route::NAMES;
use crate::engine::Outcome;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

type Labels = Vec<(&'static str, &'static str)>;

/// Counters that requests find by number, without a lookup.
pub(super) struct Metrics {
    /// By operation and status class (2xx, 4xx, 5xx).
    requests: Vec<[Counter; 3]>,
    seconds: Vec<Histogram>,
    outcomes: Vec<Counter>,
    pub in_flight: Gauge,
    pub connections: Gauge,
    index_bytes: Gauge<f64, AtomicU64>,
    reloads: Counter,
    index: Mutex<String>,
    registry: Registry,
}

impl Metrics {
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("xwalk");
        let requests = Family::<Labels, Counter>::default();
        let seconds = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_01, 4.0, 10)));
        let outcomes = Family::<Labels, Counter>::default();
        let (in_flight, connections, index_bytes, reloads) = (Gauge::default(), Gauge::default(), Gauge::default(), Counter::default());
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "Time from the first byte of a request to the answer's headers", seconds.clone());
        registry.register("translations", "Answers of translate", outcomes.clone());
        registry.register("in_flight_requests", "Requests being worked on", in_flight.clone());
        registry.register("open_connections", "Connections open", connections.clone());
        registry.register("index_bytes", "Size of the index being served", index_bytes.clone());
        registry.register("reloads", "Indexes swapped in", reloads.clone());
        registry.register("build", "The program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        let of = |operation, class| requests.get_or_create_owned(&vec![("operation", operation), ("class", class)]);
        Metrics {
            requests: NAMES.iter().map(|name| ["2xx", "4xx", "5xx"].map(|class| of(name, class))).collect(),
            seconds: NAMES.iter().map(|name| seconds.get_or_create_owned(&vec![("operation", *name)])).collect(),
            outcomes: Outcome::ALL.iter().map(|o| outcomes.get_or_create_owned(&vec![("outcome", o.code())])).collect(),
            in_flight,
            connections,
            index_bytes,
            reloads,
            index: Mutex::new(String::new()),
            registry,
        }
    }

    pub fn request(&self, operation: usize, status: u16, took: Duration) {
        let class = match status {
            ..400 => 0,
            400..500 => 1,
            _ => 2,
        };
        self.requests[operation][class].inc();
        self.seconds[operation].observe(took.as_secs_f64());
    }

    pub fn outcome(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].inc();
    }

    /// So many of each.
    pub fn outcomes(&self, numbers: &[u64; Outcome::ALL.len()]) {
        for (counter, number) in self.outcomes.iter().zip(numbers) {
            counter.inc_by(*number);
        }
    }

    /// Another index is being served.
    pub fn index(&self, fingerprint: &str, bytes: u64) {
        self.index_bytes.set(bytes as f64);
        self.reloads.inc();
        *self.index.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = fingerprint.to_owned();
    }

    pub fn text(&self) -> String {
        let mut text = String::with_capacity(16 << 10);
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        let index = self.index.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let end = text.len() - "# EOF\n".len();
        text.truncate(end);
        text.push_str(&format!(
            "# HELP xwalk_index Fingerprint of the index being served.\n# TYPE xwalk_index info\nxwalk_index_info{{fingerprint=\"{index}\"}} 1\n# EOF\n"
        ));
        text
    }
}

//! What one request may cost. Every limit has an answer of its own, so that a client knows which one it met.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of a service. [`Limits::default`] suits one machine that serves a hospital.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a body that is held as a whole: 413 beyond. Streams have no such limit, only their lines have ([`Limits::line`]).
    pub body: usize,
    /// Bytes of a file to convert, which is laid down on the disk: 413 beyond.
    pub file: u64,
    /// Bytes that all such files take together: 503 beyond.
    pub files: u64,
    /// Files that are converted at a time: 503 beyond.
    pub conversions: usize,
    /// Bytes of one line of a stream: 413 beyond.
    pub line: usize,
    /// Bytes of request line and headers together: 431 beyond.
    pub headers: usize,
    /// How long a client may take over its headers: the connection is closed.
    pub header_time: Duration,
    /// How long a body may stand still while it is read or written: 408, or the connection is closed.
    pub idle: Duration,
    /// How long a client may take over a whole body that is held: 408.
    pub body_time: Duration,
    /// Entries of a batch Bundle or of `$batch-validate-code`, codings of a CodeableConcept, dependencies of a `$translate`: 422
    /// `too-costly` beyond.
    pub batch: usize,
    /// Bytes of the answers in a batch: the entries after that are `too-costly`.
    pub batch_answer: usize,
    /// Matches of one answer of `$translate`: 422 `too-costly` beyond.
    pub fan_out: usize,
    /// Concepts of one page of an expansion, and of an expansion without paging: 422 `too-costly` beyond.
    pub expansion: usize,
    /// Answers that are kept as they went out, a kilobyte for each; 0: none.
    pub kept: usize,
    /// Hits of one search, and of `$expand?filter` over a whole system.
    pub hits: usize,
    /// Requests that are worked on at a time: 503 beyond. At most a quarter of them, where no token has been shown.
    pub concurrent: usize,
    /// Connections that are open at a time; the next ones wait in the kernel's queue.
    pub connections: usize,
    /// Requests a second of one client, with bursts of as many: 429 beyond. `None`: no limit.
    pub rate: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body: 8 << 20,
            file: 4 << 30,
            files: 8 << 30,
            conversions: 2,
            line: 64 << 10,
            headers: 16 << 10,
            header_time: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            body_time: Duration::from_secs(60),
            batch: 1_000,
            batch_answer: 32 << 20,
            fan_out: 2_000,
            expansion: 1_000,
            kept: 1 << 16,
            hits: 200,
            concurrent: 1_024,
            connections: 20_000,
            rate: None,
        }
    }
}

//! The HTTP service: the five questions over the wire, in the service's own words and in FHIR's.
//!
//! # Short answer
//! [`Server::bind`] listens, [`Server::run`] answers until it is told to stop. Addresses: `/v1/...` (own API, described by
//! `/openapi.json` and, for people, `/docs`), `/fhir/r4/...`, `/fhir/r5/...`, `/health/live`, `/health/ready`, `/metrics`, `/admin/reload`.
//!
//! # How a request goes
//! `listen` accepts it (TLS, slow and stalled clients), `guard` lets it in (host, token, rate, load) and keeps the books (request id,
//! metrics, audit, log), `route` knows where it belongs, `own` and `fhir` ask the engine. They decide nothing themselves.
//!
//! # A new index without a lost request
//! The engine hangs in an [`ArcSwap`], with the answers that it has given ([`kept`]). A request takes what hangs there when it begins and keeps it to its end, streams included; a reload
//! opens the new index beside the old one and swaps. The old one goes when its last request has ended.
//!
//! # What is never written down
//! Codes, words, ages, rules: neither logs nor audit nor metrics nor problem reports of the service itself carry what was asked. The
//! caller's own error messages repeat his codes to him, and nobody else.

pub mod audit;
mod fhir;
mod guard;
mod kept;
pub mod limits;
mod listen;
mod metrics;
mod ops;
mod own;
mod reply;
mod route;
pub mod tokens;

pub use limits::Limits;
pub use listen::{Handle, Server};

use crate::engine::Engine;
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Where to listen, whom to let in, what to write down.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    /// Something before us ends TLS and tells the client's address in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// Without tokens everyone who reaches the port may ask; only allowed on loopback.
    pub tokens: Option<PathBuf>,
    pub audit: Option<PathBuf>,
    pub limits: Limits,
    /// How long streams may go on after the service was told to stop.
    pub grace: std::time::Duration,
}

/// PEM files, read again when they change.
#[derive(Clone, Debug)]
pub struct Tls {
    pub certificates: PathBuf,
    pub key: PathBuf,
}

impl Config {
    /// Loopback, no tokens, no audit: one machine, one user.
    pub fn local(port: u16) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            tls: None,
            behind_proxy: false,
            tokens: None,
            audit: None,
            limits: Limits::default(),
            grace: std::time::Duration::from_secs(60),
        }
    }
}

/// Opens the index that is to be served, anew at every reload. The text says why it cannot.
pub type Open = Box<dyn Fn() -> Result<Engine, String> + Send + Sync>;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{address} is not loopback: give --tls-cert and --tls-key, or --behind-proxy if something else ends TLS")]
    NeedsTls { address: SocketAddr },
    #[error("{address} is not loopback: give --tokens FILE (made with `xwalk token add`)")]
    NeedsTokens { address: SocketAddr },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("TLS: {0}")]
    Tls(String),
    #[error(transparent)]
    Tokens(#[from] tokens::Error),
    #[error(transparent)]
    Audit(#[from] audit::Error),
    #[error("the index cannot be opened: {0}")]
    Index(String),
}

/// What all requests share.
struct State {
    served: ArcSwap<kept::Served>,
    open: Open,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
    metrics: metrics::Metrics,
    /// Of the index being served; in the audit log and the metrics.
    fingerprint: ArcSwap<String>,
    doors: guard::Doors,
    audit: Option<audit::Audit>,
    certificate: Option<Arc<listen::Certificate>>,
    limits: Limits,
    inline: fhir::inline::Cache,
    /// Places for files to be converted.
    converting: Arc<tokio::sync::Semaphore>,
    /// Bytes of files that lie on the disk to be converted.
    spooled: std::sync::atomic::AtomicU64,
    /// What else is served: the review workbench.
    others: Option<axum::Router>,
}

impl State {
    fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.served.load().engine)
    }

    fn served(&self) -> Arc<kept::Served> {
        self.served.load_full()
    }

    /// Opens everything anew that may have changed: certificates, tokens, the audit log, the index. What cannot be opened stays as it was.
    async fn reload(self: &Arc<State>) -> Result<String, String> {
        let _one = self.reloading.lock().await;
        let state = Arc::clone(self);
        let open = move || {
            if let Some(certificate) = &state.certificate {
                certificate.look();
            }
            state.doors.reload().map_err(|e| e.to_string())?;
            if let Some(audit) = &state.audit {
                audit.reopen().map_err(|e| e.to_string())?;
            }
            (state.open)()
        };
        let opened = tokio::task::spawn_blocking(open).await.map_err(|e| format!("the reload died: {e}"))?;
        match opened {
            Ok(engine) => {
                let fingerprint = engine.index().fingerprint();
                self.metrics.index(&fingerprint, engine.index().size());
                self.served.store(Arc::new(kept::Served::new(engine, self.limits.kept, self.doors.random())));
                self.fingerprint.store(Arc::new(fingerprint.clone()));
                tracing::info!(index = %fingerprint, "index reloaded");
                Ok(fingerprint)
            }
            Err(why) => {
                tracing::error!(%why, "reload failed; the old index goes on");
                Err(why)
            }
        }
    }
}

//! `xwalk serve`: the questions over HTTP.

use super::{Session, Verdict};
use crate::decisions::{self, Approved, Examined, Store};
use crate::engine::{self, Engine};
use crate::face::http::tokens::{self, Tokens};
use crate::face::http::{Config, Handle, Limits, Open, Server, Tls};
use crate::face::web::{self, Person, SignIn};
use anyhow::{Context, Result, bail};
use arc_swap::ArcSwapOption;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Answer over HTTP: FHIR R4 and R5 under /fhir, the own API under /v1, its description under /docs
///
/// Without further options it answers to this machine only. Any other address needs TLS (or a proxy that ends it) and tokens. SIGHUP
/// takes up a new index, new tokens and new certificates without losing a request; SIGTERM stops, letting streams end.
#[derive(clap::Args)]
pub struct Args {
    /// Address and port
    #[arg(long, default_value = "127.0.0.1:8484", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Certificate chain (PEM); read again when it changes
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM)
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// A proxy ends TLS and tells the client's address in X-Forwarded-For
    #[arg(long, conflicts_with = "tls_cert")]
    behind_proxy: bool,
    /// Serve the review workbench over these decisions (/review, /reconcile), and let translations use those that are approved
    #[arg(long, value_name = "DB", env = "XWALK_DECISIONS", hide_env_values = true)]
    decisions: Option<PathBuf>,
    /// Who may ask: tokens made with `xwalk token add`
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Write down who asked for what operation, when, from where, with what outcome (`xwalk audit verify`)
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Requests a second of one client
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Requests worked on at a time; more are told to come again
    #[arg(long, value_name = "N", default_value_t = Limits::default().concurrent)]
    concurrent: usize,
    /// Connections open at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    connections: usize,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Answers kept as they went out, about 1 kB each; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = Limits::default().kept)]
    cache: usize,
    /// Seconds that a body, or somebody reading an answer, may stand still
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().idle.as_secs())]
    idle: u64,
    /// Seconds that streams may go on after the service was told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    grace: u64,
    /// What to log: error, warn, info, debug (every request); never what was asked
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "XWALK_LOG")]
    log: tracing::Level,
    /// Log as JSON, one object a line
    #[arg(long)]
    log_json: bool,
}

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    let config = Config {
        listen: args.listen,
        tls: args.tls_cert.zip(args.tls_key).map(|(certificates, key)| Tls { certificates, key }),
        behind_proxy: args.behind_proxy,
        tokens: args.tokens,
        audit: args.audit,
        limits: Limits {
            rate: args.rate,
            concurrent: args.concurrent,
            connections: args.connections,
            idle: Duration::from_secs(args.idle),
            kept: args.cache,
            ..Limits::default()
        },
        grace: Duration::from_secs(args.grace),
    };
    let log = tracing_subscriber::fmt().with_max_level(args.log).with_writer(std::io::stderr).with_target(false);
    let log = log.with_ansi(session.error_paint().0);
    // Somebody else in the process may log already; then theirs it is.
    let _ = if args.log_json { log.json().try_init() } else { log.try_init() };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = args.threads {
        if threads == 0 {
            bail!("--threads 0 would answer nobody");
        }
        runtime.worker_threads(threads);
    }
    let runtime = runtime.enable_all().build().context("cannot start threads")?;
    let (open, workbench) = match &args.decisions {
        None => (session.opener(), None),
        Some(decisions) => with_workbench(decisions, session.opener(), &config)?,
    };
    runtime.block_on(async {
        let server = Server::bind(config, open, workbench).await?;
        let address = server.address().context("cannot tell the address")?;
        // Heard from before anyone can know that we are here: a SIGHUP that nobody hears ends the process.
        let signals = Signals::hear().context("signals cannot be heard")?;
        tracing::info!(%address, "listening");
        server.run(|handle| drop(tokio::spawn(signals.obey(handle)))).await;
        anyhow::Ok(())
    })?;
    Ok(Verdict::Settled)
}

/// The workbench, and an opener whose engines use what is approved in it.
fn with_workbench(file: &Path, open: Open, config: &Config) -> Result<(Open, Option<axum::Router>)> {
    let store = match Store::create(file) {
        // Where nothing can be written, people can still look, and translations use what is approved.
        Err(decisions::Error::ReadOnly | decisions::Error::CannotOpen) if file.is_file() => {
            tracing::warn!(file = %file.display(), "the decisions file can only be read here: nobody can decide");
            Store::read(file)
        }
        opened => opened,
    };
    let store = Arc::new(store.with_context(|| file.display().to_string())?);
    let approved = Arc::new(Approved::new(Arc::clone(&store))?);
    let examining = Arc::new(Mutex::new(()));
    let (examined, used) = (Arc::clone(&store), Arc::clone(&approved));
    let current: Arc<ArcSwapOption<Engine>> = Arc::default();
    let shown = Arc::clone(&current);
    let open: Open = Box::new(move || {
        let engine = open()?;
        reexamine(Arc::clone(&examined), engine.clone(), Arc::clone(&examining));
        let overlay = Examined::by(&engine, Arc::clone(&used));
        let engine = engine.with_overlay(Arc::new(overlay));
        current.store(Some(Arc::new(engine.clone())));
        Ok(engine)
    });
    // The workbench shows the index that is served; before the first is, there is nothing to serve.
    let first = Arc::new(open().map_err(anyhow::Error::msg)?);
    let sign_in = match &config.tokens {
        None => SignIn::Name,
        Some(path) => {
            let path = path.clone();
            SignIn::Token(Arc::new(move |token| person(&path, token)))
        }
    };
    let engine = Arc::new(move || shown.load_full().unwrap_or_else(|| Arc::clone(&first)));
    let tls = config.tls.is_some() || config.behind_proxy;
    Ok((open, Some(web::router(web::Config { store, approved, engine, sign_in, tls }))))
}

/// Holds what was decided under other indexes against this one, while the service answers: meanwhile each decision is examined before it
/// is used. One at a time.
fn reexamine(store: Arc<Store>, engine: Engine, one: Arc<Mutex<()>>) {
    if store.is_read_only() {
        return;
    }
    std::thread::spawn(move || {
        let _one = one.lock().unwrap_or_else(PoisonError::into_inner);
        match decisions::reexamine(&store, &engine, "xwalk") {
            Ok(r) if r.still_valid + r.doubtful() > 0 => {
                let (valid, doubtful) = (r.still_valid, r.doubtful());
                tracing::info!(valid, doubtful, "decisions of another index examined; what is in doubt is flagged and not used");
            }
            Ok(_) => {}
            Err(why) => tracing::error!(%why, "decisions of another index could not be examined; those in doubt are held back"),
        }
    });
}

/// Who holds a token today. The file is read each time: a token that was taken away ends its sessions at once.
fn person(path: &Path, token: &str) -> Option<Person> {
    let tokens = Tokens::read(path).ok()?;
    let entry = tokens.check(token, tokens::Role::Read, engine::today()).ok()?;
    let role = match entry.role {
        tokens::Role::Read => web::Role::Read,
        tokens::Role::Review => web::Role::Review,
        tokens::Role::Admin => web::Role::Admin,
    };
    Some(Person { name: entry.name.clone(), role })
}

/// SIGHUP reloads; SIGTERM and SIGINT stop.
#[cfg(unix)]
struct Signals {
    reload: tokio::signal::unix::Signal,
    term: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn hear() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            reload: signal(SignalKind::hangup())?,
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn obey(mut self, handle: Handle) {
        loop {
            tokio::select! {
                _ = self.reload.recv() => {
                    // What went wrong is logged where it happened; the old index and tokens go on.
                    if let Err(why) = handle.reload().await {
                        tracing::error!(%why, "SIGHUP");
                    }
                }
                _ = self.term.recv() => return handle.stop(),
                _ = self.interrupt.recv() => return handle.stop(),
            }
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn hear() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn obey(self, handle: Handle) {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.stop();
        }
    }
}

//! Listening: connections, TLS, slow and stalled clients, stopping.

use super::metrics::Metrics;
use super::{Config, Error, Open, State, Tls, audit, fhir, guard, kept};
use crate::engine::today;
use arc_swap::ArcSwap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

/// How often files that may change are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// A service that has its port and its index.
pub struct Server {
    state: Arc<State>,
    listener: TcpListener,
    tls: Option<(tokio_rustls::TlsAcceptor, Arc<Certificate>)>,
    grace: Duration,
}

/// Tells a running service what to do.
#[derive(Clone)]
pub struct Handle {
    state: Arc<State>,
    certificate: Option<Arc<Certificate>>,
    stop: Arc<watch::Sender<bool>>,
}

impl Handle {
    /// No new connections; streams go on to their end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Opens the index, the tokens and the certificates anew, as at SIGHUP.
    pub async fn reload(&self) -> Result<String, String> {
        if let Some(certificate) = &self.certificate {
            certificate.look();
        }
        self.state.doors.reload().map_err(|e| e.to_string())?;
        self.state.reload().await
    }
}

impl Server {
    /// Opens index, tokens, audit log and certificates, and takes the port.
    pub async fn bind(config: Config, open: Open, others: Option<axum::Router>) -> Result<Server, Error> {
        let address = config.listen;
        if !address.ip().is_loopback() {
            if config.tls.is_none() && !config.behind_proxy {
                return Err(Error::NeedsTls { address });
            }
            if config.tokens.is_none() {
                return Err(Error::NeedsTokens { address });
            }
        }
        let doors = guard::Doors::new(&config)?;
        let tls = config.tls.as_ref().map(Certificate::acceptor).transpose()?;
        let audit = config.audit.as_deref().map(audit::Audit::open).transpose()?;
        let engine = open().map_err(Error::Index)?;
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        let metrics = Metrics::new();
        let fingerprint = engine.index().fingerprint();
        metrics.index(&fingerprint, engine.index().size());
        let state = Arc::new(State {
            served: ArcSwap::from_pointee(kept::Served::new(engine, config.limits.kept, doors.random())),
            open,
            reloading: tokio::sync::Mutex::new(()),
            metrics,
            fingerprint: ArcSwap::from_pointee(fingerprint),
            doors,
            audit,
            converting: Arc::new(Semaphore::new(config.limits.conversions)),
            limits: config.limits,
            inline: fhir::inline::Cache::default(),
            others,
        });
        Ok(Server { state, listener, tls, grace: config.grace })
    }

    /// Where it listens: the port that was taken, if 0 was asked for.
    pub fn address(&self) -> Result<SocketAddr, std::io::Error> {
        self.listener.local_addr()
    }

    /// Answers until the handle that `started` is given says stop.
    pub async fn run(self, started: impl FnOnce(Handle)) {
        let Server { state, listener, tls, grace } = self;
        let (stop, mut stopping) = watch::channel(false);
        let certificate = tls.as_ref().map(|(_, certificate)| Arc::clone(certificate));
        let handle = Handle { state: Arc::clone(&state), certificate: certificate.clone(), stop: Arc::new(stop) };
        started(handle.clone());
        let tidy = tokio::spawn(tidy(Arc::clone(&state), certificate));
        let free = Arc::new(Semaphore::new(state.limits.connections));
        // Every connection holds a sender; when the last is gone, nothing is left to wait for.
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        loop {
            let place = tokio::select! {
                place = Arc::clone(&free).acquire_owned() => place,
                _ = stopping.wait_for(|stop| *stop) => break,
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.wait_for(|stop| *stop) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, most likely: wait for connections to end rather than spin.
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (state, tls, stopping, alive) = (Arc::clone(&state), tls.as_ref().map(|(a, _)| a.clone()), stopping.clone(), alive.clone());
            tokio::spawn(async move {
                state.metrics.connections.inc();
                let _ = stream.set_nodelay(true);
                match tls {
                    None => connection(Arc::clone(&state), stream, peer, stopping).await,
                    Some(acceptor) => {
                        // Who cannot shake hands in time, or at all, is let go.
                        if let Ok(Ok(stream)) = tokio::time::timeout(state.limits.header_time, acceptor.accept(stream)).await {
                            connection(Arc::clone(&state), stream, peer, stopping).await;
                        }
                    }
                }
                state.metrics.connections.dec();
                drop((alive, place));
            });
        }
        drop((listener, alive));
        tracing::info!("stopping; streams go on to their end");
        if tokio::time::timeout(grace, all_gone.recv()).await.is_err() {
            tracing::warn!(seconds = grace.as_secs(), "the time of grace is over; what still streams is cut");
        }
        tidy.abort();
    }
}

async fn connection<S>(state: Arc<State>, stream: S, peer: SocketAddr, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &state.limits;
    let stalled = limits.idle;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_header_size(limits.headers)
        // Who closes his half after the request still wants the answer.
        .half_close(true);
    let shared = Arc::clone(&state);
    let service = service_fn(move |request| {
        let state = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(guard::handle(state, peer, request).await) }
    });
    let io = TokioIo::new(Stalling { inner: stream, limit: stalled, waiting: None });
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    tokio::select! {
        // What clients do to their connections is theirs to know.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// A stream on which a write may not stand still for ever: a client that reads nothing would keep its answer in our memory.
struct Stalling<S> {
    inner: S,
    limit: Duration,
    waiting: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<S> Stalling<S> {
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<std::io::Result<T>>) -> Poll<std::io::Result<T>> {
        if poll.is_ready() {
            self.waiting = None;
            return poll;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(std::io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, poll)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watch(cx, poll)
    }
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, poll)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, poll)
    }
}

/// What has to be looked at from time to time.
async fn tidy(state: Arc<State>, certificate: Option<Arc<Certificate>>) {
    let mut every = tokio::time::interval(LOOK);
    let mut day = today();
    loop {
        every.tick().await;
        state.doors.tidy();
        if day != today() {
            day = today();
            state.served().kept.clear();
        }
        if let Some(certificate) = &certificate {
            certificate.look();
        }
    }
}

/// The certificate in use; taken from its files again when they change.
#[derive(Debug)]
struct Certificate {
    files: Tls,
    current: ArcSwap<(rustls::sign::CertifiedKey, SystemTime)>,
}

impl rustls::server::ResolvesServerCert for Certificate {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::new(self.current.load().0.clone()))
    }
}

impl Certificate {
    fn acceptor(files: &Tls) -> Result<(tokio_rustls::TlsAcceptor, Arc<Certificate>), Error> {
        let certificate = Arc::new(Certificate { files: files.clone(), current: ArcSwap::from_pointee(Certificate::load(files)?) });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::Tls(e.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn rustls::server::ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((tokio_rustls::TlsAcceptor::from(Arc::new(config)), certificate))
    }

    fn load(files: &Tls) -> Result<(rustls::sign::CertifiedKey, SystemTime), Error> {
        let failed = |path: &Path, what: String| Error::Tls(format!("{}: {what}", path.display()));
        let read = |path: &Path| std::fs::read(path).map_err(|e| failed(path, e.to_string()));
        let (certificates, key) = (read(&files.certificates)?, read(&files.key)?);
        let chain: Vec<_> = rustls_pemfile::certs(&mut &certificates[..])
            .collect::<Result<_, _>>()
            .map_err(|e| failed(&files.certificates, e.to_string()))?;
        if chain.is_empty() {
            return Err(failed(&files.certificates, "there is no certificate in it (PEM)".into()));
        }
        let key = rustls_pemfile::private_key(&mut &key[..])
            .map_err(|e| failed(&files.key, e.to_string()))?
            .ok_or_else(|| failed(&files.key, "there is no private key in it (PEM)".into()))?;
        let provider = rustls::crypto::ring::default_provider();
        let certified =
            rustls::sign::CertifiedKey::from_der(chain, key, &provider).map_err(|e| failed(&files.certificates, e.to_string()))?;
        Ok((certified, Certificate::changed(files)))
    }

    /// When the later of the two files was changed.
    fn changed(files: &Tls) -> SystemTime {
        let of = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        of(&files.certificates).max(of(&files.key))
    }

    fn look(&self) {
        if Certificate::changed(&self.files) == self.current.load().1 {
            return;
        }
        match Certificate::load(&self.files) {
            Ok(new) => {
                self.current.store(Arc::new(new));
                tracing::info!("new certificate taken");
            }
            Err(error) => tracing::warn!(%error, "the new certificate cannot be used; the old one goes on"),
        }
    }
}

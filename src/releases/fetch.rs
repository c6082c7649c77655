//! `xwalk fetch`: gets published releases from their official address, or from a folder laid out like it.
//!
//! What it promises: a file stands in the user's folder of releases only if its sha256 is the one in the manifest. It is written beside, hashed while it
//! is written, brought to the disk and renamed; a download that breaks off, or is not what was expected, leaves nothing behind. A file that is
//! there already, with the right hash, is not fetched again.
//!
//! Files are fetched, not entries: a zip with both directions of a map is one file for two entries.
//!
//! The network is behind the feature `cli`; without it only mirrors can be used.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::{Dirs, Error, Release, hex, known, sha256_file};

/// Names of temporary files begin with this.
const TEMPORARY: &str = ".fetching-";
/// Older ones are nobody's any more.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where to take files from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The official addresses.
    Network,
    /// A folder laid out like them; see `vocab/README.md`.
    Mirror(PathBuf),
}

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    /// The releases that it holds.
    pub ids: Vec<String>,
    /// Where it is kept, relative to the user's folder of releases.
    pub place: String,
    pub result: Result<Got, Error>,
}

/// How a file was had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// Downloaded, or copied from the mirror; so many bytes.
    New { path: PathBuf, bytes: u64 },
    /// There already, with the right hash.
    AlreadyThere { path: PathBuf },
    /// Asked for with `all`, but this source cannot give it; the text says why. Not a failure.
    NotOffered { why: String },
}

/// A step of a running fetch, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// As in [`Outcome::place`].
    pub place: &'a str,
    pub bytes: u64,
    /// If the source says.
    pub total: Option<u64>,
}

/// Gets the files of the named releases. A name is an id (`icd10cm-2025`), a system (`icd10cm`), a map (`gem-icd9cm-icd10cm`), or `all`.
///
/// An error is for questions that cannot be asked (a name nobody knows, no home folder); what becomes of each file is in its outcome, and one
/// that fails does not keep the others from being fetched.
pub fn fetch(names: &[String], from: &From, dirs: &Dirs, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Vec<Outcome>, Error> {
    let folder = dirs.releases().ok_or(Error::NoHome { variable: "XDG_DATA_HOME" })?;
    let known: Vec<Release> = known(dirs)?.into_iter().map(|k| k.release).collect();
    let wanted = wanted(names, &known)?;
    fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    remove_stale(&folder);
    let mut outcomes = Vec::with_capacity(wanted.len());
    for file in wanted {
        let result = fetch_one(&file, from, &folder, progress);
        outcomes.push(Outcome { ids: file.ids, place: file.place.to_owned(), result });
    }
    Ok(outcomes)
}

/// The releases that [`fetch`] knows, in the order of the manifests.
pub fn fetchable(dirs: &Dirs) -> Result<Vec<Release>, Error> {
    Ok(known(dirs)?.into_iter().map(|k| k.release).filter(Release::fetchable).collect())
}

/// A file to fetch.
struct Wanted<'a> {
    ids: Vec<String>,
    place: &'a str,
    sha256: &'a str,
    url: Option<&'a str>,
    page: Option<&'a str>,
    /// By its own name or that of its system or map, not only by `all`.
    named: bool,
}

fn wanted<'a>(names: &[String], known: &'a [Release]) -> Result<Vec<Wanted<'a>>, Error> {
    let mut files: Vec<Wanted<'a>> = Vec::new();
    for name in names {
        let all = name == "all";
        let mut found = false;
        for release in known {
            let (Some(place), Some(sha256)) = (release.place(), release.fetch_sha256.as_deref()) else { continue };
            let named = release.id == *name || release.name().eq_ignore_ascii_case(name);
            if !(all || named) {
                continue;
            }
            found = true;
            let at = files.iter().position(|file| file.place == place).unwrap_or_else(|| {
                let (url, page) = (release.url.as_deref(), release.page.as_deref());
                files.push(Wanted { ids: Vec::new(), place, sha256, url, page, named: false });
                files.len() - 1
            });
            let file = &mut files[at];
            file.named |= named;
            if !file.ids.contains(&release.id) {
                file.ids.push(release.id.clone());
            }
        }
        if !found {
            return Err(Error::UnknownRelease { name: name.clone(), nearest: nearest(name, known) });
        }
    }
    Ok(files)
}

/// Up to three names that may have been meant.
fn nearest(name: &str, known: &[Release]) -> Vec<String> {
    let name = name.to_lowercase();
    let mut ranked: Vec<(f64, &str)> = known
        .iter()
        .filter(|r| r.fetchable())
        .map(|r| (strsim::jaro_winkler(&name, &r.id), r.id.as_str()))
        .filter(|(s, _)| *s > 0.8)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    ranked.into_iter().take(3).map(|(_, id)| id.to_owned()).collect()
}

fn fetch_one(file: &Wanted<'_>, from: &From, folder: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Got, Error> {
    let path = folder.join(file.place);
    if path.is_file() && sha256_file(&path)? == file.sha256 {
        return Ok(Got::AlreadyThere { path });
    }
    let not_there = |remedy: String| -> Result<Got, Error> {
        if file.named {
            Err(Error::Missing { id: file.ids.join(", "), file: file.place.to_owned(), remedy })
        } else {
            Ok(Got::NotOffered { why: remedy })
        }
    };
    match from {
        From::Mirror(mirror) => {
            let source = mirror.join(file.place);
            if !source.is_file() {
                return not_there(format!("it is not in the mirror {}", mirror.display()));
            }
            let mut reader = File::open(&source).map_err(|e| Error::io("open", &source, e))?;
            let total = reader.metadata().ok().map(|m| m.len());
            let failed = |e| Error::io("read", &source, e);
            let name = source.display().to_string();
            keep(&mut reader, total, file, &name, "the mirror's copy is damaged or of another version", failed, &path, folder, progress)
        }
        From::Network => match file.url {
            None => not_there(format!(
                "its address changes with every new edition of the site: download it by hand from {}, put it into a folder DIR as \
                 {}, and use --mirror DIR",
                file.page.unwrap_or("its publisher"),
                file.place
            )),
            Some(url) => download(url, file, &path, folder, progress),
        },
    }
}

#[cfg(not(feature = "cli"))]
fn download(url: &str, _: &Wanted<'_>, _: &Path, _: &Path, _: &mut dyn FnMut(Progress<'_>)) -> Result<Got, Error> {
    Err(Error::Download { url: url.to_owned(), what: "this library was built without the feature `cli`, which has the network".to_owned() })
}

#[cfg(feature = "cli")]
fn download(url: &str, file: &Wanted<'_>, path: &Path, folder: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Got, Error> {
    let broken = |what: String| Error::Download { url: url.to_owned(), what };
    let mut response = agent()?.get(url).call().map_err(|e| broken(e.to_string()))?;
    let status = response.status().as_u16();
    if status != 200 {
        let remedy = match status {
            404 | 410 => "the publisher has moved or removed the file: look for it on the publisher's site and use --mirror",
            401 | 403 => "the server does not let this machine in: try from another network or use --mirror",
            429 | 500.. => "the server is busy or out of order: try again later",
            _ => "use --mirror with a copy got in another way",
        };
        return Err(Error::Status { url: url.to_owned(), status, remedy });
    }
    let total = response.body().content_length();
    let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
    let remedy = "the file at this address was replaced or damaged on the way: try again; if it stays so, take the file that the manifest means \
                  from elsewhere with --mirror, or change the manifest";
    keep(&mut reader, total, file, url, remedy, |e| broken(format!("the download broke off ({e})")), path, folder, progress)
}

/// An agent that gives up on silence, never on size: a slow line may take its time.
#[cfg(feature = "cli")]
fn agent() -> Result<ureq::Agent, Error> {
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
    let mut tls = TlsConfig::builder();
    // Where a proxy opens TLS, its certificate is in the system's bundle and not among the public roots.
    if let Some(path) = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from).filter(|path| path.is_file()) {
        let pem = fs::read(&path).map_err(|e| Error::io("read SSL_CERT_FILE", &path, e))?;
        let roots: Vec<_> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if !roots.is_empty() {
            tls = tls.root_certs(RootCerts::new_with_certs(&roots));
        }
    }
    let silence = Some(Duration::from_secs(60));
    let config = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .timeout_resolve(silence)
        .timeout_connect(silence)
        .timeout_recv_response(silence)
        .timeout_per_read(silence)
        .user_agent(concat!("xwalk/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.new_agent())
}

/// Writes what `reader` gives to `path`, if it hashes to what it should; otherwise nothing of it stays.
#[expect(clippy::too_many_arguments, reason = "two callers, and every argument differs between them")]
fn keep(
    reader: &mut dyn Read,
    total: Option<u64>,
    file: &Wanted<'_>,
    name: &str,
    remedy: &'static str,
    read_failed: impl Fn(io::Error) -> Error,
    path: &Path,
    folder: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Got, Error> {
    let write_failed = |e| Error::io("write", path, e);
    // In the folder itself and not beside `path`: a failed fetch must not leave empty folders either.
    let mut temporary = temporary_in(folder).map_err(write_failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    progress(Progress { place: file.place, bytes, total });
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(read_failed(e)),
        };
        hash.update(&buffer[..n]);
        temporary.write_all(&buffer[..n]).map_err(write_failed)?;
        bytes += n as u64;
        progress(Progress { place: file.place, bytes, total });
    }
    if let Some(total) = total
        && bytes < total
    {
        return Err(read_failed(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{bytes} of {total} bytes"))));
    }
    let found = hex(hash.finalize().as_slice());
    if found != file.sha256 {
        return Err(Error::Hash { file: name.to_owned(), expected: file.sha256.to_owned(), found, remedy });
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(write_failed)?;
    }
    temporary.as_file().sync_all().map_err(write_failed)?;
    temporary.persist(path).map_err(|e| write_failed(e.error))?;
    Ok(Got::New { path: path.to_owned(), bytes })
}

fn temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        // As any other file of the user; temporary files are private otherwise, and this one stays.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Temporary files of a process that was killed. Others may be fetching now, so only old ones.
fn remove_stale(folder: &Path) {
    let old = |path: &Path| {
        fs::metadata(path).and_then(|m| m.modified()).is_ok_and(|t| SystemTime::now().duration_since(t).is_ok_and(|d| d > STALE))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) && old(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::sync::Arc;

    use super::*;
    use crate::releases::{sha256_hex, test_releases};

    fn silent(_: Progress<'_>) {}

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    /// Every file below a folder, relative to it.
    fn files(folder: &Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).expect("folder") {
                let path = entry.expect("entry").path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                all.push(path.strip_prefix(folder).expect("below").display().to_string());
            }
        }
        all.sort();
        all
    }

    /// Answers `GET PATH` with the bytes kept for PATH, whatever they are, then closes: status line and headers are the test's business.
    struct Server {
        address: String,
    }

    impl Server {
        fn new(answers: HashMap<&'static str, Vec<u8>>) -> Server {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
            let address = format!("http://{}", listener.local_addr().expect("address"));
            let answers = Arc::new(answers);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let Ok(mut stream) = stream else { return };
                    let answers = Arc::clone(&answers);
                    std::thread::spawn(move || {
                        let mut lines = BufReader::new(stream.try_clone().expect("stream")).lines();
                        let first = lines.next().and_then(Result::ok).unwrap_or_default();
                        while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                        let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone".to_vec();
                        let _ = stream.write_all(answers.get(path.as_str()).unwrap_or(&missing));
                    });
                }
            });
            Server { address }
        }
    }

    fn ok(body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    const BODY: &[u8] = b"00001 A00     0 Cholera                                                      Cholera\r\n";

    /// A user's folder whose manifest knows one release, at the given address.
    fn user(url: &str) -> (tempfile::TempDir, Dirs) {
        let data = tempfile::tempdir().expect("tempdir");
        fs::create_dir(data.path().join("vocab")).expect("create");
        let manifest = format!(
            "[[release]]\nid = \"test-1\"\nsystem = \"test\"\nversion = \"1\"\nformat = \"icd10-order\"\nurl = \"{url}\"\n\
             mirror = \"test/order.txt\"\nfetch_sha256 = \"{}\"\n",
            sha256_hex(BODY)
        );
        fs::write(data.path().join("vocab/manifest.toml"), manifest).expect("write");
        let dirs = Dirs { data: Some(data.path().to_owned()), cache: None };
        (data, dirs)
    }

    fn one(dirs: &Dirs, from: &From) -> Result<Got, Error> {
        let mut outcomes = fetch(&strings(&["test-1"]), from, dirs, &mut silent).expect("known name");
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0).result
    }

    #[cfg(feature = "cli")]
    #[test]
    fn downloads_once() {
        let server = Server::new(HashMap::from([("/order.txt", ok(BODY))]));
        let (_data, dirs) = user(&format!("{}/order.txt", server.address));
        let path = dirs.releases().expect("data").join("test/order.txt");
        let mut seen = Vec::new();
        let outcomes = fetch(&strings(&["test", "test-1"]), &From::Network, &dirs, &mut |p| seen.push((p.bytes, p.total))).expect("known");
        assert_eq!(outcomes.len(), 1, "one file, though named twice");
        assert_eq!(outcomes[0].result.as_ref().expect("fetched"), &Got::New { path: path.clone(), bytes: BODY.len() as u64 });
        assert_eq!(fs::read(&path).expect("kept"), BODY);
        assert_eq!(seen.last(), Some(&(BODY.len() as u64, Some(BODY.len() as u64))));
        assert_eq!(one(&dirs, &From::Network).expect("there"), Got::AlreadyThere { path: path.clone() });
        // A damaged file is fetched again.
        fs::write(&path, "damaged").expect("write");
        assert!(matches!(one(&dirs, &From::Network), Ok(Got::New { .. })));
        assert_eq!(files(&dirs.releases().expect("data")), ["test", "test/order.txt"]);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn follows_redirects() {
        let moved = b"HTTP/1.1 302 Found\r\nLocation: /new/order.txt\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        let server = Server::new(HashMap::from([("/old", moved), ("/new/order.txt", ok(BODY))]));
        let (_data, dirs) = user(&format!("{}/old", server.address));
        assert!(matches!(one(&dirs, &From::Network), Ok(Got::New { .. })));
    }

    #[cfg(feature = "cli")]
    #[test]
    fn whatever_fails_leaves_nothing_behind() {
        let whole = ok(BODY);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n10\r\n00001 A00     ".to_vec();
        let unsized_ = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &BODY[..20]].concat();
        let loops = b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        let busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        let server = Server::new(HashMap::from([
            ("/broken", whole[..whole.len() - 10].to_vec()),
            ("/headers", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
            ("/chunked", chunked),
            ("/unsized", unsized_),
            ("/wrong", ok(b"another file")),
            ("/loop", loops),
            ("/busy", busy),
            ("/empty", ok(b"")),
        ]));
        for (path, expect) in [
            ("/broken", "nothing was kept, try again"),
            ("/headers", "nothing was kept, try again"),
            ("/chunked", "nothing was kept, try again"),
            ("/unsized", "replaced or damaged"),
            ("/wrong", "the manifest says"),
            ("/empty", "the manifest says"),
            ("/loop", "nothing was kept"),
            ("/busy", "HTTP status 503; the server is busy"),
            ("/missing", "HTTP status 404; the publisher has moved"),
        ] {
            let url = format!("{}{path}", server.address);
            let (_data, dirs) = user(&url);
            let error = one(&dirs, &From::Network).expect_err(path).to_string();
            assert!(error.contains(expect) && error.contains(&url), "{path}: {error}");
            assert_eq!(files(&dirs.releases().expect("data")), [""; 0], "{path}");
        }
        // A server that does not speak TLS.
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let url = format!("https://{}/order.txt", listener.local_addr().expect("address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("client");
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        let (_data, dirs) = user(&url);
        let error = one(&dirs, &From::Network).expect_err("no TLS").to_string();
        assert!(error.contains("use --mirror") && error.contains(&url), "{error}");
        assert_eq!(files(&dirs.releases().expect("data")), [""; 0]);
        // Nobody listens.
        let (_data, dirs) = user("http://127.0.0.1:1/order.txt");
        let error = one(&dirs, &From::Network).expect_err("refused").to_string();
        assert!(error.contains("use --mirror"), "{error}");
    }

    #[test]
    fn mirrors() {
        let mirror = tempfile::tempdir().expect("tempdir");
        let from = From::Mirror(mirror.path().to_owned());
        let (_data, dirs) = user("http://127.0.0.1:1/order.txt");
        let error = one(&dirs, &from).expect_err("empty mirror").to_string();
        assert!(error.starts_with("test-1: test/order.txt is not there; it is not in the mirror"), "{error}");
        fs::create_dir(mirror.path().join("test")).expect("create");
        fs::write(mirror.path().join("test/order.txt"), "another file").expect("write");
        let error = one(&dirs, &from).expect_err("wrong").to_string();
        assert!(error.contains("the mirror's copy is damaged"), "{error}");
        assert_eq!(files(&dirs.releases().expect("data")), [""; 0]);
        fs::write(mirror.path().join("test/order.txt"), BODY).expect("write");
        assert!(matches!(one(&dirs, &from), Ok(Got::New { bytes, .. }) if bytes == BODY.len() as u64));
        assert!(matches!(one(&dirs, &from), Ok(Got::AlreadyThere { .. })));
        // `all` takes what is there, and says what is not.
        let outcomes = fetch(&strings(&["all"]), &from, &dirs, &mut silent).expect("all");
        assert!(outcomes.len() > 20);
        let offered = outcomes.iter().filter(|o| !matches!(o.result, Ok(Got::NotOffered { .. }))).count();
        assert_eq!(offered, 1, "{outcomes:?}");
    }

    #[test]
    fn names() {
        let (_data, dirs) = user("http://127.0.0.1:1/order.txt");
        let error = fetch(&strings(&["icd10cm-2052"]), &From::Network, &dirs, &mut silent).expect_err("unknown").to_string();
        assert!(error.starts_with("no release is called \"icd10cm-2052\"; did you mean icd10cm-20"), "{error}");
        let error = fetch(&strings(&["zzz"]), &From::Network, &dirs, &mut silent).expect_err("unknown").to_string();
        assert!(error.contains("--list"), "{error}");
        // Embedded only: known, but there is nothing to fetch.
        assert!(fetch(&strings(&["gem-icd9cm-icd10cm-2013"]), &From::Network, &dirs, &mut silent).is_err());
        let error = fetch(&strings(&["all"]), &From::Network, &Dirs::default(), &mut silent).expect_err("no home").to_string();
        assert!(error.contains("XDG_DATA_HOME"), "{error}");
        // No fixed address: said with the page to look at, before any connection.
        let outcome = fetch(&strings(&["icd10cm-2017"]), &From::Network, &dirs, &mut silent).expect("known").remove(0);
        let error = outcome.result.expect_err("page only").to_string();
        assert!(error.contains("https://www.cms.gov/") && error.contains("cms/cms_2017_dx.zip"), "{error}");
        assert!(fetchable(&dirs).expect("list").len() > 25);
    }

    #[test]
    fn everything_in_the_published_mirror() {
        let Some(published) = test_releases() else { return };
        let data = tempfile::tempdir().expect("tempdir");
        let dirs = Dirs { data: Some(data.path().to_owned()), cache: None };
        let outcomes = fetch(&strings(&["all"]), &From::Mirror(published.clone()), &dirs, &mut silent).expect("all");
        let listed = fs::read_to_string(published.join("SHA256SUMS")).expect("SHA256SUMS").lines().count();
        assert_eq!(outcomes.len(), listed);
        for outcome in &outcomes {
            assert!(matches!(outcome.result, Ok(Got::New { .. })), "{outcome:?}");
        }
        // From then on these are the sources, and each is what its manifest says.
        for source in crate::releases::from_user(&dirs).expect("sources") {
            source.verify().expect("fetched files are as their manifest says");
        }
    }
}

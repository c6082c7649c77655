//! The yardstick of `benches/http_load.py`: a bare axum handler that answers every request with the same body, and does nothing else.
//!
//! `http_bare ADDRESS BYTES`: `BYTES` is the length of the body.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::any;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("ADDRESS BYTES")?;
    let length: usize = arguments.next().ok_or("ADDRESS BYTES")?.parse()?;
    let body = Bytes::from(format!("{{\"x\":\"{}\"}}", "x".repeat(length.saturating_sub(8))));
    // One thread for each core that the process may use, as `xwalk serve` does it.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let handler = move || std::future::ready(([(CONTENT_TYPE, "application/json")], body.clone()));
        let router = axum::Router::new().route("/{*path}", any(handler));
        axum::serve(tokio::net::TcpListener::bind(address).await?, router).await?;
        Ok(())
    })
}

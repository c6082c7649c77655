//! How one thread of a run waits for another.

use std::sync::mpsc::{Receiver, RecvError, TryRecvError};

/// How often a thread looks for what is to come before it sleeps.
const PATIENCE: usize = 100;

/// What another thread sends. It is mostly on its way, and a processor that went to sleep takes longer to wake than that takes; other threads
/// that could run come first.
pub(super) fn receive<T>(from: &Receiver<T>) -> Result<T, RecvError> {
    for _ in 0..PATIENCE {
        match from.try_recv() {
            Err(TryRecvError::Empty) => std::thread::yield_now(),
            Err(TryRecvError::Disconnected) => return Err(RecvError),
            Ok(sent) => return Ok(sent),
        }
    }
    from.recv()
}

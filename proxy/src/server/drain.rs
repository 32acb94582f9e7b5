//! How connections learn that the process is to stop. Each registers its waker once;
//! after that, asking costs one relaxed load per poll, where a `watch` channel would
//! take a lock each time a connection has nothing to do.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    task::{Context, Poll, Waker},
};

/// The asking side, shared by every data thread.
#[derive(Clone, Default)]
pub struct Drain(Arc<Inner>);

#[derive(Default)]
struct Inner {
    begun: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Drain {
    /// From now on everyone who waits is told.
    pub fn begin(&self) {
        self.0.begun.store(true, Release);
        let mut waiting = self.0.lock();
        for waker in waiting.wakers.iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.begun.load(Acquire)
    }

    /// Resolves once draining has begun.
    pub fn begun(&self) -> Begun {
        Begun { inner: self.0.clone(), place: None }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// To be polled by one task for its whole life.
pub struct Begun {
    inner: Arc<Inner>,
    place: Option<usize>,
}

impl Future for Begun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.place.is_none() {
            let mut waiting = self.inner.lock();
            let place = match waiting.free.pop() {
                Some(place) => place,
                None => {
                    waiting.wakers.push(None);
                    waiting.wakers.len() - 1
                }
            };
            waiting.wakers[place] = Some(cx.waker().clone());
            drop(waiting);
            self.place = Some(place);
        }
        // After registering: a drain that began in between is seen here.
        match self.inner.begun.load(Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut waiting = self.inner.lock();
            waiting.wakers[place] = None;
            waiting.free.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_who_waits_is_told_before_and_after() {
        let drain = Drain::default();
        let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(drain.begun())).collect();
        drop(drain.begun());
        tokio::task::yield_now().await;
        drain.begin();
        for task in waiting {
            task.await.unwrap();
        }
        drain.begun().await;
    }
}

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::Semaphore, time};

use super::*;

/// An upstream that returns how many reads it has begun, once it is told to.
#[derive(Default)]
struct Upstream {
    begun: AtomicUsize,
    may_end: Option<Semaphore>,
    deadlines: Mutex<Vec<Instant>>,
}

type Reads = SharedReads<&'static str, usize>;

fn reads_with(wait_timeout: Duration) -> Reads {
    Reads { wait_timeout, ..Reads::default() }
}

/// Reads whose timeout no test reaches.
fn without_timeout() -> Reads {
    reads_with(Duration::from_secs(3600))
}

impl Upstream {
    fn held() -> Arc<Self> {
        Arc::new(Self { may_end: Some(Semaphore::new(0)), ..Self::default() })
    }

    fn let_one_end(&self) {
        self.may_end.as_ref().unwrap().add_permits(1);
    }

    fn begun(&self) -> usize {
        self.begun.load(Relaxed)
    }
}

fn join_until(reads: &Reads, upstream: &Arc<Upstream>, key: &'static str, deadline: Instant) -> Read<usize> {
    let upstream = upstream.clone();
    let (read, _) = reads.join(key, deadline, move |deadline| async move {
        let begun = upstream.begun.fetch_add(1, Relaxed) + 1;
        upstream.deadlines.lock().unwrap().push(deadline);
        if let Some(may_end) = &upstream.may_end {
            may_end.acquire().await.unwrap().forget();
        }
        begun
    });
    read
}

fn join(reads: &Reads, upstream: &Arc<Upstream>, key: &'static str) -> Read<usize> {
    join_until(reads, upstream, key, Instant::now())
}

/// What a read returns in the end.
async fn end(read: Read<usize>) -> usize {
    time::timeout(Duration::from_secs(60), read).await.expect("a read that ends")
}

/// Lets a read go on as far as it can.
async fn poll(read: &mut Read<usize>) -> Option<usize> {
    time::timeout(Duration::ZERO, read).await.ok()
}

#[tokio::test]
async fn one_of_many_callers_reads_and_the_others_share_the_next_read() {
    let (reads, upstream) = (without_timeout(), Upstream::held());
    let mut first = join(&reads, &upstream, "a");
    assert_eq!(poll(&mut first).await, None);
    let mut others: Vec<_> = (0..20).map(|_| join(&reads, &upstream, "a")).collect();
    for other in &mut others {
        assert_eq!(poll(other).await, None);
    }
    assert_eq!(upstream.begun(), 1, "one is in flight, and the others wait");
    upstream.let_one_end();
    assert_eq!(end(first).await, 1);
    upstream.let_one_end();
    for other in others {
        assert_eq!(end(other).await, 2);
    }
    assert!(reads.lock().reads.is_empty());
}

#[tokio::test]
async fn a_read_that_has_begun_is_not_joined() {
    let (reads, upstream) = (without_timeout(), Upstream::held());
    let mut first = join(&reads, &upstream, "a");
    assert_eq!(poll(&mut first).await, None);
    let mut second = join(&reads, &upstream, "a");
    upstream.let_one_end();
    assert_eq!(end(first).await, 1);
    assert_eq!(poll(&mut second).await, None, "it has begun");
    let third = join(&reads, &upstream, "a");
    upstream.let_one_end();
    assert_eq!(end(second).await, 2);
    upstream.let_one_end();
    assert_eq!(end(third).await, 3);
}

#[tokio::test]
async fn other_keys_do_not_wait() {
    let (reads, upstream) = (without_timeout(), Upstream::held());
    let mut one = join(&reads, &upstream, "a");
    let mut other = join(&reads, &upstream, "b");
    assert_eq!((poll(&mut one).await, poll(&mut other).await), (None, None));
    assert_eq!(upstream.begun(), 2);
}

#[tokio::test]
async fn a_slow_read_holds_the_next_one_up_for_a_moment_only() {
    let (reads, upstream) = (reads_with(Duration::from_millis(1)), Upstream::held());
    let mut slow = join(&reads, &upstream, "a");
    assert_eq!(poll(&mut slow).await, None);
    let next = tokio::spawn(end(join(&reads, &upstream, "a")));
    while upstream.begun() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(poll(&mut slow).await, None, "both are in flight");
    upstream.let_one_end();
    upstream.let_one_end();
    assert_eq!((end(slow).await, next.await.unwrap()), (1, 2));
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_cancel_the_read_of_others() {
    let (reads, upstream) = (without_timeout(), Upstream::held());
    let mut first = join(&reads, &upstream, "a");
    assert_eq!(poll(&mut first).await, None);
    let mut maker = join(&reads, &upstream, "a");
    assert_eq!(poll(&mut maker).await, None);
    let joined = join(&reads, &upstream, "a");
    drop((first, maker));
    upstream.let_one_end();
    upstream.let_one_end();
    assert_eq!(end(joined).await, 2);
}

#[tokio::test]
async fn a_read_that_all_have_left_is_cancelled_and_forgotten() {
    let (reads, upstream) = (without_timeout(), Upstream::held());
    let mut first = join(&reads, &upstream, "a");
    assert_eq!(poll(&mut first).await, None);
    let waiting = join(&reads, &upstream, "a");
    drop((first, waiting));
    assert!(reads.lock().reads.is_empty());
    let mut new = join(&reads, &upstream, "a");
    assert_eq!(poll(&mut new).await, None);
    assert_eq!(upstream.begun(), 2, "it waits for none");
}

#[tokio::test]
async fn a_read_has_the_latest_deadline_of_its_callers() {
    let (reads, upstream) = (without_timeout(), Arc::new(Upstream::default()));
    let now = Instant::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    let first = join_until(&reads, &upstream, "a", after(9));
    let joined = [2, 3, 1].map(|seconds| join_until(&reads, &upstream, "a", after(seconds)));
    end(first).await;
    for read in joined {
        end(read).await;
    }
    assert_eq!(*upstream.deadlines.lock().unwrap(), [after(9), after(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_that_stays_gets_a_read_that_began_after_its_call() {
    let (reads, upstream) = (without_timeout(), Arc::new(Upstream::default()));
    let callers = (0..64).map(|caller| {
        let (reads, upstream) = (reads.clone(), upstream.clone());
        tokio::spawn(async move {
            for round in 0..200 {
                let before = upstream.begun();
                let read = join(&reads, &upstream, if caller % 8 == 0 { "b" } else { "a" });
                if (caller + round) % 5 == 0 {
                    let _ = time::timeout(Duration::ZERO, read).await;
                } else {
                    assert!(end(read).await > before, "what it got was read before it came");
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert!(reads.lock().reads.is_empty());
}

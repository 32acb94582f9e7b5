//! Long mixed load leaves nothing behind: `cargo xtask test --full`.

use std::{fs, thread};

use glassway_tests::{
    Glassway, eventually,
    glassway::Which,
    llm::{self, Pace},
    mixed,
};

const WORKERS: usize = 8;
const EACH: usize = 3_000;

#[test]
#[ignore = "takes minutes"]
fn mixed_load_leaves_no_memory_no_file_and_no_gap_behind() {
    let upstream = llm::start(Pace::INSTANT);
    let mut glassway =
        Glassway::setup().upstream(&upstream.url()).set("record.max_exchanges", 5_000).start();
    let addr = glassway.proxy_addr();
    let round = || {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                thread::spawn(move || (0..EACH).for_each(|n| mixed::one(addr, worker, n)))
            })
            .collect();
        workers.into_iter().for_each(|w| w.join().unwrap());
    };
    round();
    let settled = |glassway: &Glassway| {
        eventually("nothing is in flight and nothing queued", || {
            let stats = glassway.api().json("/api/stats");
            let metrics = glassway.api().get("/metrics").text();
            let written = metrics.lines().any(|l| l == "glassway_queue_bytes 0");
            (stats["in_flight"] == 0 && written).then_some(())
        });
    };
    settled(&glassway);
    let files = |pid: u32| fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let memory = [Which::Proxy, Which::Monitor].map(|which| glassway.resident(which));
    let open = [Which::Proxy, Which::Monitor].map(|which| files(glassway.pid(which)));
    round();
    settled(&glassway);
    for (i, which) in [Which::Proxy, Which::Monitor].into_iter().enumerate() {
        let now = glassway.resident(which);
        assert!(now < memory[i] + (48 << 20), "{which:?} grew from {} to {now}", memory[i]);
        let now = files(glassway.pid(which));
        assert!(now < open[i] + 64, "{which:?} had {} files open and has {now}", open[i]);
    }
    let stats = glassway.api().json("/api/stats");
    assert_eq!(stats["calls"]["all"], 2 * WORKERS * EACH, "{stats:#}");
    assert_eq!(stats["lost"]["records_lost"], 0);
}

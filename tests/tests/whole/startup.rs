//! Bad beginnings: one line that says what is wrong, the right exit code, and
//! nothing touched.

use std::{fs, net::TcpListener, time::Duration};

use glassway_tests::{
    Glassway, Upstream,
    client::get,
    glassway::{Setup, Which},
    process::Process,
    upstream::json,
    wait::PATIENCE,
};
use rusqlite::Connection;

const BOTH: [Which; 2] = [Which::Proxy, Which::Monitor];

/// Runs one of the two to its end; gives exit code and what it said. One that
/// goes on running is ended, with code -1.
fn run(setup: &Setup, which: Which, more: &[&str]) -> (i32, String) {
    setup.write_config();
    run_as_it_is(setup, which, more)
}

/// [`run`] with whatever configuration is there.
fn run_as_it_is(setup: &Setup, which: Which, more: &[&str]) -> (i32, String) {
    let mut command = setup.command(which);
    command.args(more);
    let mut process = Process::spawn(which.binary(), command, Box::new(|_| {})).unwrap();
    // Ended, or listening although it should not.
    let _ = process.line(PATIENCE, glassway_tests::process::listening_address);
    let code = process.wait(Duration::from_millis(500)).and_then(|s| s.code()).unwrap_or(-1);
    (code, process.log())
}

#[test]
fn a_wrong_configuration_is_one_line_with_file_and_key() {
    let cases = [
        ("[proxy]\nlisten_on = \"127.0.0.1:1\"\n", &["config.toml", "listen_on", "listen"][..]),
        (
            "[proxy]\nconnect_timout = \"1s\"\n",
            &["config.toml", "connect_timout", "connect_timeout"],
        ),
        ("[prox]\nlisten = \"127.0.0.1:1\"\n", &["config.toml", "prox", "proxy"]),
        ("[proxy]\nlisten = \"nowhere\"\n", &["config.toml", "listen"]),
        ("[proxy]\nthreads = \"many\"\n", &["config.toml", "threads"]),
        ("[proxy]\nconnect_timeout = \"soon\"\n", &["config.toml", "connect_timeout"]),
        ("[proxy]\nclient_access = \"closed\"\n", &["config.toml", "client_access"]),
        ("[record]\nmax_age = \"a year\"\n", &["config.toml", "max_age"]),
        ("[record]\nmax_body_bytes = -1\n", &["config.toml", "max_body_bytes"]),
        ("[upstream]\nbase_url = \"api.openai.com\"\n", &["config.toml", "base_url"]),
        ("[upstream]\nbase_url = \"ftp://x\"\n", &["config.toml", "base_url"]),
        ("[log]\nlevel = \"loud\"\n", &["config.toml", "level"]),
        ("[log]\nformat = \"xml\"\n", &["config.toml", "format"]),
        ("this is not toml", &["config.toml"]),
        ("[proxy]\nlisten = \"0.0.0.0:0\"\n", &["config.toml", "allow_open"]),
    ];
    let mut wrong = Vec::new();
    for (text, words) in cases {
        for which in BOTH {
            if text.contains("0.0.0.0") && which == Which::Monitor {
                continue;
            }
            let setup = Glassway::setup();
            fs::write(setup.folder().join("config.toml"), text).unwrap();
            let (code, said) = run_as_it_is(&setup, which, &[]);
            let one_line = said.trim_end().lines().count() == 1;
            let says_it = words.iter().all(|word| said.contains(word));
            let touched = setup.folder().join("data").exists();
            if code != 2 || !one_line || !says_it || touched {
                wrong
                    .push(format!("{which:?} with {text:?}: exit {code}, wrote {touched}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_configuration_that_is_missing_is_an_error() {
    for which in BOTH {
        let setup = Glassway::setup();
        let (code, said) = run_as_it_is(&setup, which, &[]);
        assert_eq!(code, 2, "{which:?}: {said}");
        assert!(said.contains("config.toml"), "{said}");
    }
}

#[test]
fn a_short_admin_key_stops_the_start_by_its_name() {
    let setup = Glassway::setup().upstream("http://127.0.0.1:1").set("monitor.admin_key", "short");
    for more in [&[][..], &["new-admin-key"]] {
        let (code, said) = run(&setup, Which::Monitor, more);
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains("monitor.admin_key: ") && said.contains("12 to 1,024"), "{said}");
    }
    assert!(!setup.folder().join("data/glassway.db").exists());
}

#[test]
fn bad_arguments_are_one_line_and_exit_with_2() {
    let cases: [(Which, &[&str], &str); 6] = [
        (Which::Proxy, &["--no-such-flag"], "--no-such-flag"),
        (Which::Monitor, &["--no-such-flag"], "--no-such-flag"),
        (Which::Proxy, &["chek"], "chek"),
        (Which::Monitor, &["chek"], "chek"),
        (Which::Proxy, &["check", "--config"], "--config"),
        (Which::Monitor, &["backup"], "<FILE>"),
    ];
    for (which, arguments, word) in cases {
        let (code, said) = run(&Glassway::setup(), which, arguments);
        assert_eq!((code, said.lines().count()), (2, 1), "{which:?} {arguments:?}: {said}");
        let program = format!("{}: ", which.binary());
        assert!(said.starts_with(&program) && said.contains(word), "{said}");
    }
}

#[test]
fn check_says_yes_or_no() {
    for which in BOTH {
        let setup = Glassway::setup();
        fs::write(setup.folder().join("config.toml"), "[proxy]\nlistn = \"127.0.0.1:1\"\n")
            .unwrap();
        let (code, said) = run_as_it_is(&setup, which, &["check"]);
        assert_eq!((code, said.lines().count()), (1, 1), "{which:?}: {said}");
        assert!(said.contains("did you mean `listen`?"), "{said}");
        assert_eq!(run_as_it_is(&setup, which, &[]).0, 2, "{which:?}: a start is refused");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_is_checked_alike() {
    for which in BOTH {
        let setup = Glassway::setup().env("GLASSWAY_PROXY__CONNECT_TIMEOUT", "soon");
        let (code, said) = run(&setup, which, &[]);
        assert_eq!(code, 2, "{which:?}: {said}");
        assert!(said.contains("GLASSWAY_PROXY__CONNECT_TIMEOUT"), "{said}");
    }
    let upstream = Upstream::answer(json(r#"{"from":"environment"}"#));
    let glassway = Glassway::setup()
        .upstream("http://127.0.0.1:1")
        .env("GLASSWAY_UPSTREAM__BASE_URL", &upstream.url())
        .start_proxy();
    assert_eq!(glassway.client().ask(get("/v1/x")).json()["from"], "environment");
}

#[test]
fn an_unknown_environment_key_names_the_nearest() {
    for which in BOTH {
        let setup = Glassway::setup().env("GLASSWAY_PROXY__LISTN", "127.0.0.1:0");
        let (code, said) = run(&setup, which, &[]);
        assert_eq!(code, 2, "{which:?}: {said}");
        assert!(
            said.contains("GLASSWAY_PROXY__LISTN") && said.to_lowercase().contains("listen"),
            "{said}"
        );
    }
}

#[test]
fn the_shipped_configuration_is_every_default() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../config.toml");
    for which in BOTH {
        let setup = Glassway::setup();
        fs::copy(shipped, setup.folder().join("config.toml")).unwrap();
        let (code, said) = run_as_it_is(&setup, which, &["check"]);
        assert_eq!(code, 0, "{which:?}: {said}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for (which, key) in [(Which::Proxy, "proxy.listen"), (Which::Monitor, "monitor.listen")] {
        let setup = Glassway::setup().upstream("http://127.0.0.1:1").set(key, addr.as_str());
        let (code, said) = run(&setup, which, &[]);
        assert_eq!(code, 1, "{which:?}: {said}");
        assert!(said.contains(&addr), "{said}");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_named_and_left_alone() {
    type Spoil = fn(&std::path::Path);
    let cases: [(&str, Spoil); 3] = [
        ("corrupt", |path| {
            let mut bytes = fs::read(path).unwrap();
            let end = bytes.len().min(200);
            bytes[..end].fill(b'x');
            fs::write(path, bytes).unwrap();
        }),
        ("newer", |path| {
            Connection::open(path).unwrap().pragma_update(None, "user_version", 999_999).unwrap();
        }),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (what, spoil) in cases {
        let upstream = Upstream::answer(json("{}"));
        let mut glassway = Glassway::before(&upstream);
        glassway.client().ask(get("/v1/x"));
        glassway.finished(1);
        for which in BOTH {
            glassway.term(which);
        }
        for name in ["glassway.db-wal", "glassway.db-shm"] {
            let _ = fs::remove_file(glassway.database().with_file_name(name));
        }
        spoil(&glassway.database());
        let before = fs::read(glassway.database()).ok();
        for which in BOTH {
            let setup = glassway.started_with();
            let (code, said) = run_as_it_is(setup, which, &[]);
            assert_eq!(code, 1, "{which:?}, {what}: {said}");
            assert!(said.contains("glassway.db"), "{which:?}, {what}: {said}");
            if what == "newer" {
                assert!(said.contains("newer") && said.contains("999999"), "{which:?}: {said}");
                assert_eq!(said.trim().lines().count(), 1, "{which:?}: {said}");
            }
            let check = run_as_it_is(setup, which, &["check"]);
            assert_eq!(check.0, 1, "{which:?} check, {what}");
        }
        assert!(fs::read(glassway.database()).ok() == before, "{what}: the file was changed");
    }
}

#[test]
fn check_changes_nothing() {
    for which in BOTH {
        let setup = Glassway::setup().upstream("http://127.0.0.1:1");
        let (code, said) = run(&setup, which, &["check"]);
        assert_eq!(code, 0, "{which:?}: {said}");
        assert!(!setup.folder().join("data").exists(), "{which:?} made its folder");
    }
}

#[test]
fn help_and_version_are_told() {
    for which in BOTH {
        let setup = Glassway::setup();
        setup.write_config();
        for flag in ["--help", "--version"] {
            let output = setup.command(which).arg(flag).output().unwrap();
            assert!(output.status.success());
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains(which.binary()), "{said}");
        }
    }
}

#[test]
fn two_proxies_do_not_share_a_link() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut second = glassway.spawn(Which::Proxy);
    let status = second.wait(glassway_tests::wait::PATIENCE).expect("the second ends");
    assert_eq!(status.code(), Some(1), "{}", second.log());
    assert_eq!(glassway.client().ask(get("/v1/x")).status(), 200);
}

#[test]
fn the_first_start_leaves_a_sign_in_link_and_no_key() {
    use std::os::unix::fs::PermissionsExt;
    let glassway =
        Glassway::setup().upstream("http://127.0.0.1:1").unset("monitor.admin_key").start();
    let file = glassway.folder().join("data/sign-in");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let link = fs::read_to_string(&file).unwrap();
    let (page, key) = link.trim().split_once("/#key=").expect("a sign-in link");
    assert_eq!(page, format!("http://{}", glassway.monitor_addr()));
    assert!(!glassway.log(Which::Monitor).contains(key), "the key is in the log");
    assert!(glassway.log(Which::Monitor).contains("sign-in"), "its path is logged");
    let answer = glassway.api().anonymous().post("/token", &serde_json::json!({"api_key": key}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(glassway.api().with_bearer(&token).get("/api/requests").status, 200);
    let database = fs::read(glassway.database()).unwrap();
    assert!(!database.windows(key.len()).any(|w| w == key.as_bytes()), "the key itself is stored");
}

#[test]
fn a_lost_admin_key_is_replaced() {
    let mut glassway =
        Glassway::setup().upstream("http://127.0.0.1:1").unset("monitor.admin_key").start();
    let link = fs::read_to_string(glassway.folder().join("data/sign-in")).unwrap();
    let old = link.trim().split_once("/#key=").unwrap().1.to_owned();
    let output = glassway.started_with().command(Which::Monitor).arg("new-admin-key").output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    let new = said.lines().next().unwrap().to_owned();
    assert!(said.contains(&format!("/#key={new}")), "{said}");
    assert!(!glassway.folder().join("data/sign-in").exists(), "the old link is still there");
    for _ in 0..2 {
        let with = |key: &str| glassway.api().with_bearer(key).get("/api/settings").status;
        assert_eq!((with(&old), with(&new)), (401, 200));
        glassway.term(Which::Monitor);
        glassway.start(Which::Monitor);
    }
}

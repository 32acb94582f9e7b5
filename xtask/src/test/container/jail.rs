//! The image's two services as compose.yaml starts them, without a container engine: an
//! own mount namespace whose root is read-only, the volumes bound into it, its user
//! without a capability or a way to get one.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use glassway_tests::{
    api::Api,
    client::Client,
    eventually,
    glassway::ADMIN_KEY,
    llm,
    process::{Process, Signal},
    wait::PATIENCE,
};
use serde_json::{Value, json};

use super::compose::{Service, executed, list};
use crate::tools::output;

const PROXY: &str = "proxy";
const MONITOR: &str = "monitor";

pub struct Jail<'a> {
    rootfs: &'a Path,
    /// As the image has it.
    env: Vec<(String, String)>,
    /// The image's own, for whoever does not use compose.yaml.
    check: Vec<String>,
    services: BTreeMap<String, Service>,
    /// Volumes by name.
    volumes: BTreeMap<String, PathBuf>,
    proxy: SocketAddr,
    monitor: SocketAddr,
}

impl<'a> Jail<'a> {
    pub fn new(
        rootfs: &'a Path,
        image: &Value,
        services: BTreeMap<String, Service>,
        folder: &Path,
    ) -> Result<Self> {
        let env = image["Env"].as_array().context("the image has no environment")?;
        let env = env.iter().filter_map(|pair| pair.as_str()?.split_once('='));
        let volume = |(name, (user, group)): (&String, (u32, u32))| {
            let path = folder.join("volumes").join(name);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path)?;
            // As an engine makes a new volume: with the owner of the image's folder.
            chown(&path, Some(user), Some(group))?;
            anyhow::Ok((name.clone(), path))
        };
        let volumes = services
            .values()
            .flat_map(|service| service.volumes.iter().map(|(name, _)| (name, service.user)));
        let volumes: BTreeMap<_, _> = volumes.collect();
        Ok(Self {
            rootfs,
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            check: executed(&list(&image["Healthcheck"]["Test"])?)?,
            volumes: volumes.into_iter().map(volume).collect::<Result<_>>()?,
            services,
            proxy: free_port()?,
            monitor: free_port()?,
        })
    }

    /// Both services, asked, checked, stopped and started again.
    pub fn walk(&self) -> Result<()> {
        let owner = output(self.inside(&[]).args(["stat", "-c", "%u:%g %a", "/data", "/keys"]))?;
        ensure!(owner == "10001:10001 700\n10001:10001 700", "the volumes are {owner}");
        for path in ["/x", "/etc/glassway/x", "/usr/local/bin/glassway-proxy", "/data/../x"] {
            let write = self.inside(&[]).args(["sh", "-c", &format!("echo > {path}")]).output()?;
            ensure!(!write.status.success(), "{path} could be written");
        }
        let held = ["grep", "-E", "^(CapEff|CapBnd|NoNewPrivs|Uid)", "/proc/self/status"];
        let held = output(self.inside(&[]).args(held))?.replace('\t', " ");
        let nothing = "Uid: 10001 10001 10001 10001\nCapEff: 0000000000000000\n\
                       CapBnd: 0000000000000000\nNoNewPrivs: 1";
        ensure!(held == nothing, "a service holds {held}");
        let upstream = llm::start(llm::Pace::INSTANT);
        let env = [("GLASSWAY_UPSTREAM__BASE_URL", upstream.url())];
        let (mut proxy, mut monitor) = (self.start(PROXY, &env)?, self.start(MONITOR, &env)?);
        let api = Api::new(self.monitor, ADMIN_KEY);
        let token = self.prepare(&api)?;
        ensure!(self.ask(None) == 401, "without a token nobody is served");
        ensure!(self.ask(Some(&token)) == 200, "a request with a token is served");
        eventually("the request is recorded", || {
            let all = api.requests("?origin=client&outcome=ok");
            (all.len() == 1).then_some(())
        });
        for name in [PROXY, MONITOR] {
            let (well, said) = self.health(name)?;
            ensure!(well && said.trim() == "ok", "{name}: {said}");
            self.checks_itself(name)?;
        }
        let hidden = self.service(MONITOR).args(["ls", "/keys/glassway.key"]).output()?;
        ensure!(!hidden.status.success(), "the monitor's service sees the private key");
        ensure!(self.volumes["keys"].join("glassway.key").is_file(), "the key has its own volume");

        // Stopped as an engine stops them, and started again on the same volumes.
        for process in [&mut proxy, &mut monitor] {
            process.signal(Signal::SIGTERM);
            let status = process.wait(PATIENCE).context("it does not stop")?;
            ensure!(status.code() == Some(0), "it ends with {status}: {}", process.log());
        }
        for name in [PROXY, MONITOR] {
            ensure!(!self.health(name)?.0, "a stopped {name} is not well");
        }
        let _again = (self.start(PROXY, &env)?, self.start(MONITOR, &env)?);
        eventually("the key opens again", || (self.ask(Some(&token)) == 200).then_some(()));
        eventually("both requests are there", || {
            let all = api.requests("?origin=client&outcome=ok");
            (all.len() == 2).then_some(())
        });
        Ok(())
    }

    /// A key of a provider and a client token, made by the API.
    fn prepare(&self, api: &Api) -> Result<String> {
        eventually("both hear each other", || {
            let health = api.try_call("GET", "/api/health", &[], None).ok()?.json();
            (health["status"] == "ok").then_some(())
        });
        let key = json!({"keys": ["sk-test00abcdefghijklmnopqrstuvwxyz"]});
        let added = api.post("/api/keys/bulk", &key);
        ensure!(added.status < 300, "{}", added.text());
        let token = api.post("/api/client-tokens", &json!({"name": "app"}));
        ensure!(token.status < 300, "{}", token.text());
        Ok(token.json()["token"].as_str().context("no token")?.to_owned())
    }

    fn ask(&self, token: Option<&str>) -> u16 {
        let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;
        let request = glassway_tests::team::post("/v1/chat/completions", body);
        let request = match token {
            Some(token) => glassway_tests::team::with(&request, token),
            None => request,
        };
        Client::connect(self.proxy).ask(request).status()
    }

    fn start(&self, name: &'static str, env: &[(&str, String)]) -> Result<Process> {
        let mut command = self.service(name);
        command.args(&self.services[name].command);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        let mut process = Process::spawn(name, command, Box::new(|_| {}))?;
        process.listening().map_err(anyhow::Error::msg)?;
        Ok(process)
    }

    /// What compose.yaml's health check of a service says.
    fn health(&self, name: &str) -> Result<(bool, String)> {
        let done = self.service(name).args(&self.services[name].check).output()?;
        let said = [done.stdout, done.stderr].concat();
        Ok((done.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// The image's own health check looks at what the container's first process is. No process
    /// is the first here: one that is called like the service's stands for it.
    fn checks_itself(&self, name: &str) -> Result<()> {
        let program = self.services[name].command.first().context("an empty command")?;
        let (shell, text) = (&self.check[..2], self.check.last().context("an empty check")?);
        ensure!(shell == ["/bin/sh", "-c"] && text.contains("/proc/1/cmdline"), "{text}");
        let check = text.replace("/proc/1/", "/proc/$first/");
        let script = format!(
            "(exec -a {program} sleep 60) & first=$!; sleep 0.2; ({check}); said=$?; kill $first; \
             exit $said"
        );
        let done = self.service(name).args(["bash", "-c", &script]).output()?;
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        ensure!(
            done.status.success() && said.trim() == "ok",
            "the image's check of {name}: {said}"
        );
        Ok(())
    }

    /// A program of one service, with its volumes, user and environment.
    fn service(&self, name: &str) -> Command {
        let service = &self.services[name];
        let volumes: Vec<_> =
            service.volumes.iter().map(|(name, at)| (&*self.volumes[name], &at[1..])).collect();
        let mut command = self.inside(&volumes);
        command.envs(service.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What is added to it runs inside.
    fn inside(&self, volumes: &[(&Path, &str)]) -> Command {
        let (user, group) = self.services[PROXY].user;
        let rootfs = self.rootfs.display();
        let mut script = format!("mount --rbind {rootfs} {rootfs} && cd {rootfs}");
        script += " && mount -t proc proc proc && mount -t tmpfs -o noexec,nosuid,nodev tmp tmp";
        for (from, to) in volumes {
            script += &format!(" && mount --bind {} {to}", from.display());
        }
        script += &format!(" && mount -o remount,bind,ro {rootfs}");
        script += &format!(
            " && exec chroot . setpriv --reuid={user} --regid={group} --clear-groups --no-new-privs \
             --bounding-set=-all --inh-caps=-all -- \"$@\""
        );
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"])
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("GLASSWAY_PROXY__LISTEN", self.proxy.to_string().replace("127.0.0.1", "0.0.0.0"))
            .env(
                "GLASSWAY_MONITOR__LISTEN",
                self.monitor.to_string().replace("127.0.0.1", "0.0.0.0"),
            )
            .env("GLASSWAY_MONITOR__ADMIN_KEY", ADMIN_KEY);
        command
    }
}

/// On the machine's own network, unlike in a container, others may have 8080.
fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

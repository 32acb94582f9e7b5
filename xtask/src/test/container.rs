//! The container image: the Dockerfile linted, the final stage really built and run as
//! compose.yaml has it, as far as a machine without a container engine can: read-only
//! root, another user without any capability, the volumes of each service. `--full` also
//! builds everything inside, where builder images are to be had.

mod compose;
mod jail;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::Verdict;
use crate::tools::{command, must, need, output, python, root, target};
use jail::Jail;

/// What the image is built on, by a name that is nobody's.
const BASE: &str = "localhost/glassway-base:bookworm-slim";
const IMAGE: &str = "localhost/glassway:test";
const BINARIES: [&str; 2] = ["glassway-proxy", "glassway-monitor"];

pub fn run(full: bool) -> Result<Verdict> {
    lint()?;
    if !nix::unistd::geteuid().is_root() {
        return Ok(Verdict::Skipped("linted; building an image needs root here".into()));
    }
    for (program, packages) in
        [("buildah", &["buildah"][..]), ("mmdebstrap", &["mmdebstrap"]), ("strip", &["binutils"])]
    {
        if let Err(why) = need(program, packages) {
            return Ok(Verdict::Skipped(format!("linted; {why}")));
        }
    }
    super::steps::build()?;
    let builder = Builder::new()?;
    builder.base()?;
    let context = builder.context()?;
    builder.build(&context, &["--build-arg", "BINARIES=prebuilt"])?;
    let image = builder.inspect()?;
    described(&image)?;
    let services = compose::read()?;
    let base = builder.with_root(BASE, megabytes)?;
    builder.with_root(IMAGE, |rootfs| {
        small(rootfs, base)?;
        Jail::new(rootfs, &image, services, &builder.folder)?.walk()
    })?;
    let verdict = match full {
        true => builder.everything_inside(),
        false => Ok(Verdict::Passed),
    };
    builder.clear();
    verdict
}

fn lint() -> Result<()> {
    let bin = python("container", &root().join("xtask/src/test/container/requirements.txt"))?;
    must(command(bin.join("hadolint")).arg("Dockerfile"))
}

/// buildah with a storage of its own, so that nothing is left on the machine.
struct Builder {
    folder: PathBuf,
}

impl Builder {
    fn new() -> Result<Self> {
        let folder = target().join("container");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    fn buildah(&self, arguments: &[&str]) -> Command {
        let mut buildah = command("buildah");
        buildah
            .arg("--root")
            .arg(self.folder.join("storage"))
            .arg("--runroot")
            .arg(self.folder.join("run"))
            .args(["--storage-driver", "vfs"])
            .args(arguments)
            .env("BUILDAH_ISOLATION", "chroot");
        buildah
    }

    /// A minimal Debian as the base image: no image registry is needed, and it is what the
    /// binaries were built on.
    fn base(&self) -> Result<()> {
        if self.buildah(&["inspect", "--type", "image", BASE]).output()?.status.success() {
            return Ok(());
        }
        let tar = self.folder.join("base.tar");
        must(command("mmdebstrap").args(["--quiet", "--variant=minbase", "bookworm"]).arg(&tar))?;
        let container = output(&mut self.buildah(&["from", "scratch"]))?;
        let added = must(self.buildah(&["add", "--quiet", &container]).arg(&tar).arg("/"));
        let kept = added.and_then(|()| {
            must(&mut self.buildah(&["commit", "--quiet", "--rm", &container, BASE]))
        });
        fs::remove_file(tar)?;
        kept
    }

    /// Only what the final stage takes.
    fn context(&self) -> Result<PathBuf> {
        let context = self.folder.join("context");
        let binaries = context.join("dist/bin");
        fs::create_dir_all(&binaries)?;
        for file in ["Dockerfile", ".dockerignore", "config.toml"] {
            fs::copy(root().join(file), context.join(file))?;
        }
        for binary in BINARIES {
            let built = glassway_tests::process::binary(binary);
            must(command("strip").arg("-o").arg(binaries.join(binary)).arg(built))?;
        }
        Ok(context)
    }

    fn build(&self, context: &Path, arguments: &[&str]) -> Result<()> {
        // The other format knows no HEALTHCHECK.
        must(
            self.buildah(&["build", "--quiet", "--format", "docker", "--pull-never"])
                .args(["--build-arg", &format!("DEBIAN={BASE}"), "--tag", IMAGE])
                .args(arguments)
                .arg(context),
        )
    }

    /// The image's configuration.
    fn inspect(&self) -> Result<Value> {
        let text = output(&mut self.buildah(&["inspect", "--type", "image", IMAGE]))?;
        let all: Value = serde_json::from_str(&text)?;
        Ok(all["Docker"]["config"].clone())
    }

    /// Lends an image's files, to be thrown away.
    fn with_root<T>(&self, image: &str, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let container = output(&mut self.buildah(&["from", "--pull-never", image]))?;
        let mounted = output(&mut self.buildah(&["mount", &container]));
        let done = mounted.and_then(|rootfs| work(Path::new(&rootfs)));
        must(&mut self.buildah(&["rm", &container]))?;
        done
    }

    /// Keeps the base alone: every image is a whole copy of its files.
    fn clear(&self) {
        for arguments in [&["rm", "--all"][..], &["rmi", "--force", IMAGE], &["rmi", "--prune"]] {
            let _ = self.buildah(arguments).output();
        }
    }

    fn everything_inside(&self) -> Result<Verdict> {
        let whole = self
            .buildah(&["build", "--quiet", "--format", "docker", "--tag", IMAGE])
            .args(["--build-arg", &format!("DEBIAN={BASE}")])
            .arg(root())
            .output()?;
        let said = String::from_utf8_lossy(&whole.stderr);
        match whole.status.success() {
            true => Ok(Verdict::Passed),
            false if said.contains("pinging container registry") || said.contains("short-name") => {
                Ok(Verdict::Skipped(
                    "built from binaries and run; builder images are not to be had here".into(),
                ))
            }
            false => bail!("the image cannot be built from the sources: {said}"),
        }
    }
}

/// MB that both binaries may have, stripped. Those of development, which are built here, are
/// twice as large as those of a release.
const MOST_BINARIES: u64 = 60;
/// MB that may come with them to what the image is built on.
const MOST_BESIDE: u64 = 2;

/// That nothing was left in the image which is not needed to run.
fn small(rootfs: &Path, base: u64) -> Result<()> {
    let binaries = megabytes(&rootfs.join("usr/local/bin"))?;
    let beside = megabytes(rootfs)?.saturating_sub(base + binaries);
    println!("the image adds {binaries} MB of binaries and {beside} MB beside them");
    ensure!(binaries <= MOST_BINARIES, "{binaries} MB of binaries");
    ensure!(beside <= MOST_BESIDE, "{beside} MB beside the binaries");
    Ok(())
}

fn megabytes(folder: &Path) -> Result<u64> {
    let said = output(Command::new("du").args(["-xsm"]).arg(folder))?;
    let size = said.split_whitespace().next().context("du says nothing")?;
    Ok(size.parse()?)
}

/// What whoever runs the image relies on.
fn described(image: &Value) -> Result<()> {
    let is = |name: &str, expected: Value| {
        ensure!(image[name] == expected, "{name} is {}, not {expected}", image[name]);
        Ok(())
    };
    is("User", "10001:10001".into())?;
    is("StopSignal", "SIGTERM".into())?;
    is("WorkingDir", "/data".into())?;
    for volume in ["/data", "/keys"] {
        ensure!(image["Volumes"][volume].is_object(), "{volume} is no volume: {image}");
    }
    for port in ["8080/tcp", "8081/tcp"] {
        ensure!(image["ExposedPorts"][port].is_object(), "{port} is not exposed: {image}");
    }
    let check = image["Healthcheck"]["Test"].as_array().context("there is no HEALTHCHECK")?;
    ensure!(check.iter().any(|word| word.as_str().is_some_and(|w| w.contains("health"))));
    let title = &image["Labels"]["org.opencontainers.image.title"];
    ensure!(title == "Glassway", "the title is {title}");
    Ok(())
}

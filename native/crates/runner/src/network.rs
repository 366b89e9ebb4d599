use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::mount::mount_bind;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::failure::{Code, During, Failure, Result};
use crate::protocol::{Network, Request};

const OWN_NAMESPACE: &str = "/proc/self/ns/net";

/// The network of the container, which is the worker's own: it holds no entry in `config.json`.
pub struct Connection {
    pasta: Option<Pasta>,
}

struct Pasta {
    starting: Child,
    complaints: PathBuf,
}

impl Connection {
    /// The namespace that the worker has to ask for together with its others.
    pub fn namespace(network: &Network) -> UnshareFlags {
        match network {
            Network::Host => UnshareFlags::empty(),
            Network::None | Network::Pasta { .. } => UnshareFlags::NEWNET,
        }
    }

    /// A handle on the network that we are about to leave.
    pub fn host() -> Result<OwnedFd> {
        File::open(OWN_NAMESPACE).map(OwnedFd::from).during(Code::Network, || "cannot open the host's network".into())
    }

    /// Brings the new namespace up; for pasta that goes on meanwhile.
    pub fn start(request: &Request, host: OwnedFd) -> Result<Self> {
        if let Network::Host = request.network {
            return Ok(Self { pasta: None });
        }
        bring_up_loopback().during(Code::Network, || "cannot bring up the loopback interface".into())?;
        if request.open_ports {
            open_ports().during(Code::Network, || "cannot open ports to all users".into())?;
        }
        let Network::Pasta { program } = &request.network else { return Ok(Self { pasta: None }) };
        let pasta = start_pasta(program, host, &request.bundle)
            .during(Code::Network, || format!("cannot start `{}`", program.display()))?;
        Ok(Self { pasta: Some(pasta) })
    }

    /// Until the network can be used.
    pub fn wait(self) -> Result<()> {
        let Some(mut pasta) = self.pasta else { return Ok(()) };
        let status = pasta.starting.wait().during(Code::Network, || "cannot wait for pasta".into())?;
        if status.success() {
            return Ok(());
        }
        let complaints = fs::read_to_string(&pasta.complaints).unwrap_or_default();
        let reason = complaints.lines().filter(|line| !line.contains("syslog")).collect::<Vec<_>>().join("; ");
        Err(Failure { code: Code::Network, message: format!("pasta: {status}: {reason}") })
    }
}

/// Pasta stays in the background once its first process has ended well, as a child of PID 1 that ends with it.
fn start_pasta(program: &Path, host: OwnedFd, bundle: &Path) -> io::Result<Pasta> {
    // By a path of its own, since pasta gives up the right to open that of a privileged process under /proc.
    let namespace = bundle.join("network");
    File::create(&namespace)?;
    mount_bind(OWN_NAMESPACE, &namespace)?;
    let complaints = bundle.join("pasta.log");
    let mut command = Command::new(program);
    // No port forwarded in either direction and no address that leads to the host's loopback.
    command.args(["--config-net", "--quiet", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none"]);
    // Another user could not enter the namespace; pasta confines itself by other means (seccomp, empty root).
    command.args(["--runas", "0", "--netns-only", "--netns"]).arg(&namespace);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&complaints)?);
    // SAFETY: between fork and exec only one system call is made, on a descriptor that the closure owns.
    unsafe {
        command.pre_exec(move || Ok(move_into_link_name_space(host.as_fd(), Some(LinkNameSpaceType::Network))?));
    }
    Ok(Pasta { starting: command.spawn()?, complaints })
}

/// The switches of our own network namespace, with the values that `docker run` gives them.
fn open_ports() -> io::Result<()> {
    fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")?;
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")
}

fn bring_up_loopback() -> io::Result<()> {
    // SAFETY: the structure is plain data, valid when zeroed; both ioctls read and write nothing but it, and the
    // socket is ours.
    unsafe {
        let socket = match libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) {
            -1 => return Err(io::Error::last_os_error()),
            fd => OwnedFd::from_raw_fd(fd),
        };
        let mut interface: libc::ifreq = std::mem::zeroed();
        for (to, from) in interface.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as libc::c_char;
        }
        if libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &mut interface) != 0 {
            return Err(io::Error::last_os_error());
        }
        interface.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        if libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &interface) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

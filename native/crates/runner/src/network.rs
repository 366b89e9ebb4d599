use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::failure::{Code, During, Result};
use crate::protocol::Network;

/// The network of the container, which is the worker's own: it holds no entry in `config.json`.
pub enum Connection {
    Host,
    /// Nothing but a loopback interface.
    Alone,
    Joined(OwnedFd),
}

impl Connection {
    /// `processes` is the host's /proc.
    pub fn open(network: &Network, processes: OwnedFd) -> Result<Self> {
        match network {
            Network::Host => Ok(Self::Host),
            Network::None => Ok(Self::Alone),
            Network::Joined { pid } => {
                openat(&processes, format!("{pid}/ns/net"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                    .map(Self::Joined)
                    .during(Code::Network, || "cannot open the container's network".into())
            }
        }
    }

    /// Leaves the worker in the container's network, that being up. `open_ports` is for one that has no next user.
    pub fn enter(&self, open_ports: bool) -> Result<()> {
        match self {
            Self::Host => return Ok(()),
            Self::Alone => {
                // SAFETY: the flag does not unshare the descriptor table, which is what makes `unshare` unsafe.
                let alone = unsafe { unshare_unsafe(UnshareFlags::NEWNET) };
                alone.during(Code::Isolation, || "cannot make namespaces".into())?;
                bring_up_loopback().during(Code::Network, || "cannot bring up the loopback interface".into())?;
            }
            Self::Joined(namespace) => {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .during(Code::Network, || "cannot enter the container's network".into())?;
            }
        }
        if !open_ports {
            return Ok(());
        }
        self::open_ports().during(Code::Network, || "cannot open ports to all users".into())
    }

    pub fn is_joined(&self) -> bool {
        matches!(self, Self::Joined(_))
    }
}

/// Whether no socket is left in our network namespace: connections may outlive their processes for a while, and would
/// keep the next container from using their ports. Without CAP_NET_ADMIN nothing else can be left there.
/// Sums, because the kernel looks through a table of the whole machine to list them, which takes milliseconds.
pub fn is_empty() -> bool {
    let counted = ["sockstat", "sockstat6"].iter().all(|name| read(name).lines().all(counts_none));
    // The first line has the names of the columns.
    counted && ["icmp", "icmp6", "packet", "unix"].iter().all(|name| read(name).lines().count() <= 1)
}

/// Nothing, for what the kernel does not have.
fn read(name: &str) -> String {
    fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default()
}

/// Whether a line such as `TCP: inuse 0 orphan 0 tw 0 alloc 3 mem 1` tells of no socket. Those that wait for the end of
/// a connection (`tw`) are not `inuse`; what else stands there is of the whole machine.
fn counts_none(line: &str) -> bool {
    let fields: Vec<&str> = line.split_whitespace().collect();
    fields.windows(2).all(|pair| !matches!(pair[0], "inuse" | "tw") || pair[1] == "0")
}

/// The switches of our own network namespace, with the values that `docker run` gives them.
fn open_ports() -> io::Result<()> {
    fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")?;
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")
}

/// In our own network namespace.
pub fn bring_up_loopback() -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_in_use_and_in_time_wait_count() {
        assert!(counts_none("sockets: used 26"));
        assert!(counts_none("TCP: inuse 0 orphan 4 tw 0 alloc 3 mem 231"));
        assert!(!counts_none("TCP: inuse 0 orphan 0 tw 99 alloc 1 mem 231"));
        assert!(!counts_none("TCP6: inuse 10"));
    }
}

//! What a check adds to a request through a reverse proxy: nginx asks Keepwatch, or an nginx that says 204 to everybody,
//! or nobody, before it passes a request on to an application.
//!
//! Whoever is asked has the first core; the proxy, the application and the client share the second.

use std::{
    fmt::Write,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use server::store::RedbStore;

use crate::{
    conditions::Conditions,
    http::{CONNECTIONS, Servers},
    pinned,
    report::{Report, Unit},
    statistics::Pair,
};

/// Requests in a round.
const REQUESTS: u32 = 30_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// Reports requests through nginx, if there is one.
pub(crate) fn measure(conditions: &Conditions, store: &RedbStore, report: &mut Report) -> anyhow::Result<()> {
    let servers = Servers::start(conditions, store)?;
    let outcome = through_nginx(conditions, &servers, report);
    servers.stop(conditions);
    outcome
}

fn through_nginx(conditions: &Conditions, servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let [responder, application, keepwatch, says_yes, nobody] = free_ports()?;
    let always = format!("server {{ listen {responder}; return 204; }}");
    let asks = |port: SocketAddr, whom: SocketAddr| {
        format!(
            "upstream of_{0} {{ server {whom}; keepalive 32; keepalive_requests 1000000; }}
             server {{
                listen {port};
                location / {{ auth_request /_asked; proxy_pass http://application; }}
                location = /_asked {{
                    internal;
                    proxy_pass http://of_{0}/forward-auth;
                    proxy_pass_request_body off;
                    proxy_set_header Connection \"\";
                    proxy_set_header Content-Length \"\";
                }}
             }}\n",
            port.port()
        )
    };
    let mut front = format!(
        "upstream application {{ server {application}; keepalive 32; keepalive_requests 1000000; }}
         server {{ listen {application}; return 200 \"Hello\"; }}
         server {{ listen {nobody}; location / {{ proxy_pass http://application; }} }}\n"
    );
    _ = write!(front, "{}{}", asks(keepwatch, servers.real()), asks(says_yes, responder));
    let started = Nginx::start(conditions, "responder", &always, responder, pinned::server_process);
    let _responder = match started {
        Ok(nginx) => nginx,
        Err(error) => {
            report.remark("behind nginx", format!("left out: {error:#}"));
            return Ok(());
        }
    };
    let _front = Nginx::start(conditions, "front", &front, nobody, pinned::client)?;

    let (mut answers, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=conditions.rounds {
        let many = |address| servers.load(address, "/", REQUESTS, CONNECTIONS);
        let alone = |address| servers.load(address, "/", REQUESTS / CONNECTIONS, 1);
        let pair = Pair { value: many(keepwatch)?.answers_per_second, floor: many(says_yes)?.answers_per_second };
        let [ours, theirs, without] = [alone(keepwatch)?, alone(says_yes)?, alone(nobody)?];
        if round > 0 {
            answers.push(pair);
            p50.push(Pair { value: ours.p50 - without.p50, floor: theirs.p50 - without.p50 });
            p99.push(Pair { value: ours.p99 - without.p99, floor: theirs.p99 - without.p99 });
        }
    }
    report.compare("behind nginx, answers", Unit::PerSecond, &answers);
    report.compare("behind nginx, p50 that the check adds", Unit::Seconds, &p50);
    report.compare("behind nginx, p99 that the check adds", Unit::Seconds, &p99);
    Ok(())
}

/// An nginx of one process, ended with the value.
struct Nginx(Child);

impl Nginx {
    fn start(
        conditions: &Conditions,
        name: &str,
        servers: &str,
        answers_at: SocketAddr,
        on_core: fn(&Path) -> std::process::Command,
    ) -> anyhow::Result<Self> {
        let folder = conditions.path(name);
        fs::create_dir(&folder)?;
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {at}/{of};\n"))
            .concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{ worker_connections 512; }}
             http {{
                access_log off;\n{temporary}keepalive_requests 1000000;
                proxy_http_version 1.1;\nproxy_set_header Connection \"\";\n{servers}
             }}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut nginx = on_core(Path::new("nginx"));
        nginx.arg("-p").arg(&folder).arg("-e").arg(folder.join("error.log")).arg("-c").arg(&file);
        let mut started = Self(nginx.stdin(Stdio::null()).spawn().context("nginx cannot be started")?);
        let give_up_at = Instant::now() + PATIENCE;
        while TcpStream::connect(answers_at).is_err() {
            if started.0.try_wait()?.is_some() || Instant::now() > give_up_at {
                let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                bail!("nginx does not answer: {log}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(started)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Nobody listens there just now.
fn free_ports<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let mut ports = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for (port, listener) in ports.iter_mut().zip(listeners) {
        *port = listener?.local_addr()?;
    }
    Ok(ports)
}

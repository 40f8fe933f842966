//! The browser's process and what is said to and by it.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A browser that says nothing for so long is broken.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Pipe {
    child: Child,
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    next: u64,
    /// The page's, once it is there.
    session: Option<String>,
    events: Vec<(String, Value)>,
    /// Goes with this.
    _profile: tempfile::TempDir,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // A browser whose pipe closes ends by itself, and its children with it.
        self.to.take();
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pipe {
    pub(crate) fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        // Descriptors 3 and 4 become the ends of the pipe; what it prints itself means nothing.
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"]).arg(program).args([
            "--remote-debugging-pipe",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let (to, out) = (child.stdin.take(), child.stdout.take().unwrap());
        let (tell, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(out).split(0).map_while(Result::ok) {
                let told = serde_json::from_slice(&message).ok().map(|value| tell.send(value));
                if !matches!(told, Some(Ok(()))) {
                    return;
                }
            }
        });
        let mut pipe = Self { child, to, from, next: 0, session: None, events: Vec::new(), _profile: profile };
        let target = pipe.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = pipe.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        pipe.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            pipe.call(&format!("{domain}.enable"), json!({}));
        }
        pipe
    }

    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let to = self.to.as_mut().expect("it runs");
        to.write_all(message.to_string().as_bytes())
            .and_then(|()| to.write_all(&[0]))
            .and_then(|()| to.flush())
            .expect("it listens");
        loop {
            let mut said = self.hear();
            if said["id"] == id {
                assert!(said["error"].is_null(), "{method}: {}", said["error"]);
                return said["result"].take();
            }
        }
    }

    /// The next message; events are kept.
    fn hear(&mut self) -> Value {
        let mut said = self.from.recv_timeout(SILENCE).expect("the browser answers");
        if let Some(method) = said["method"].as_str() {
            self.events.push((method.to_owned(), said["params"].take()));
        }
        said
    }

    /// Waits for an event, unless it has come.
    pub(crate) fn event(&mut self, method: &str) {
        while !self.events.iter().any(|(m, _)| m == method) {
            self.hear();
        }
    }

    pub(crate) fn forget(&mut self, method: &str) {
        self.events.retain(|(m, _)| m != method);
    }

    pub(crate) fn events(&self) -> &[(String, Value)] {
        &self.events
    }
}

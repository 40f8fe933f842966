//! The bus in one process passes the suite of all buses.

use protocol::bus::local::{Hub, Local};
use protocol::bus::testing::{Place, all};

struct OneProcess(Hub);

impl Place for OneProcess {
    type Member = Local;

    fn join(&mut self) -> Local {
        self.0.join()
    }
}

#[test]
fn local_bus_conforms() {
    all(&mut OneProcess(Hub::new()));
}

//! Why an agent does not start.

use std::net::SocketAddr;

#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error(transparent)]
    Enrolment(#[from] fleet::enrol::EnrolError),
    #[error("`{agent}` is not in the roster with this key; `planner enroll {agent}` adds it")]
    NotEnrolled { agent: protocol::Name },
    #[error("the certificate of `{agent}` is not for its key: {why}; `planner enroll` writes both")]
    Certificate { agent: protocol::Name, why: String },
    #[error(transparent)]
    Disk(#[from] fleet::store::disk::DiskError),
    #[error(transparent)]
    Bus(#[from] protocol::bus::BusError),
    #[error("{what} on {address}: {source}")]
    Listen { what: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("starting {what}: {source}")]
    Start { what: &'static str, source: std::io::Error },
}

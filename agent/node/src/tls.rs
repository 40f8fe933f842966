//! Streams between agents, with or without certificates: TLS 1.3, in which both sides show one of the fleet's.
//!
//! Bus and streams use the same credentials. The caller checks that the certificate is that of the device it calls;
//! the called side learns who calls from the signed opening.

use fleet::certificate::{Credentials, dns_name};
use protocol::Name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned, version};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// What a stream is for, as its caller says while TLS begins (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Hidden states and tokens between two stages.
    Hop,
    /// A user's request that is handed on.
    Request,
}

impl Use {
    const ALL: [Self; 2] = [Self::Hop, Self::Request];

    const fn protocol(self) -> &'static [u8] {
        match self {
            Self::Hop => b"wattline-hop/1",
            Self::Request => b"wattline-request/1",
        }
    }
}

/// How this agent opens streams and takes them.
#[derive(Debug)]
pub(crate) struct Tls {
    /// By use.
    client: [Arc<ClientConfig>; 2],
    server: Arc<ServerConfig>,
}

impl Tls {
    /// # Errors
    /// When the credentials are no certificate and key of each other.
    pub(crate) fn new(credentials: &Credentials) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        for authority in &credentials.authorities {
            roots.add(CertificateDer::from(authority.clone()))?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(default_provider());
        let chain = || credentials.chain.iter().map(|c| CertificateDer::from(c.clone())).collect::<Vec<_>>();
        let key = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(credentials.key.clone()));
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain(), key())?;
        let callers = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        let client = Use::ALL.map(|what| {
            let mut client = client.clone();
            client.alpn_protocols = vec![what.protocol().to_vec()];
            Arc::new(client)
        });
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(callers.map_err(|e| rustls::Error::General(e.to_string()))?)
            .with_single_cert(chain(), key())?;
        server.alpn_protocols = Use::ALL.map(|what| what.protocol().to_vec()).to_vec();
        Ok(Self { client, server: Arc::new(server) })
    }
}

/// A stream to another agent. What is written is on its way after `flush`.
pub(crate) enum Stream {
    Plain(TcpStream),
    Calling(Box<StreamOwned<ClientConnection, TcpStream>>),
    Called(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    /// Our side of a stream that we opened to a device. Certificates are shown with what is first written or read.
    ///
    /// # Errors
    /// When TLS cannot begin.
    pub(crate) fn calling(tls: Option<&Tls>, what: Use, device: &Name, stream: TcpStream) -> io::Result<Self> {
        let Some(tls) = tls else { return Ok(Self::Plain(stream)) };
        let name = ServerName::try_from(dns_name(device)).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&tls.client[what as usize]), name).map_err(io::Error::other)?;
        Ok(Self::Calling(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Our side of a stream that another opened, and what for: waits for its certificate, as long as the stream's
    /// time limit allows. Without TLS there are only hops.
    ///
    /// # Errors
    /// When the other shows no certificate of the fleet.
    pub(crate) fn called(tls: Option<&Tls>, mut stream: TcpStream) -> io::Result<(Self, Use)> {
        let Some(tls) = tls else { return Ok((Self::Plain(stream), Use::Hop)) };
        let mut connection = ServerConnection::new(Arc::clone(&tls.server)).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        let said = connection.alpn_protocol().and_then(|said| Use::ALL.into_iter().find(|u| u.protocol() == said));
        let what = said.ok_or_else(|| io::Error::other("it does not say what the stream is for"))?;
        Ok((Self::Called(Box::new(StreamOwned::new(connection, stream))), what))
    }

    /// Shows certificates now, not with what is first written or read.
    ///
    /// # Errors
    /// When the other shows none of the fleet, not that of the device that was called, or does not answer in time.
    pub(crate) fn shake(&mut self) -> io::Result<()> {
        if let Self::Calling(s) = self {
            while s.conn.is_handshaking() {
                s.conn.complete_io(&mut s.sock)?;
            }
        }
        Ok(())
    }

    /// Says that nothing more comes: the other side can tell the end from a break.
    ///
    /// # Errors
    /// When the other has gone away.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match &mut self {
            Self::Plain(_) => {}
            Self::Calling(s) => s.conn.send_close_notify(),
            Self::Called(s) => s.conn.send_close_notify(),
        }
        self.flush()
    }

    /// What it runs over: for time limits, and to end it from elsewhere.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(s) => s,
            Self::Calling(s) => &s.sock,
            Self::Called(s) => &s.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(s) => s.read(into),
            Self::Calling(s) => s.read(into),
            Self::Called(s) => s.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(s) => s.write(bytes),
            Self::Calling(s) => s.write(bytes),
            Self::Called(s) => s.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(s) => s.flush(),
            Self::Calling(s) => s.flush(),
            Self::Called(s) => s.flush(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

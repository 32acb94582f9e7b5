//! The floor: a TCP relay that copies bytes and understands none of them.

use std::{io, net::SocketAddr};

use anyhow::Result;
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

/// Relays every connection to `to` until it is killed.
pub fn run(to: SocketAddr) -> Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("relay listening on http://{}", listener.local_addr()?);
        loop {
            let (here, _) = listener.accept().await?;
            tokio::spawn(relay(here, to));
        }
    })
}

async fn relay(mut here: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut there = TcpStream::connect(to).await?;
    here.set_nodelay(true)?;
    there.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut here, &mut there, 16 * 1024, 16 * 1024).await?;
    Ok(())
}

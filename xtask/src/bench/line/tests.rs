//! The line between real sockets. Its clock is tokio's, which stands still while something happens and jumps to the next timer
//! when nothing does: times are exact to the tick of a timer, whatever the machine does.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// What the timer's ticks may add to a way.
const TICK: Duration = Duration::from_millis(2);

/// A line in front of a listener that a test serves itself.
struct Between {
    address: SocketAddr,
    server: TcpListener,
    shared: Arc<Shared>,
}

async fn line(rtt_ms: u64, mbit_per_s: u64) -> Between {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (listener, server) = (any().await.expect("a port"), any().await.expect("a port"));
    let address = listener.local_addr().expect("an address");
    let shared = Arc::new(Shared::new(Measures { rtt_ms, mbit_per_s, windows: Windows::Tcp }));
    tokio::spawn(listen(listener, server.local_addr().expect("an address"), Arc::clone(&shared)));
    Between { address, server, shared }
}

impl Between {
    /// Both ends of a new connection.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).await.expect("a connection");
        let (server, _) = self.server.accept().await.expect("a connection");
        (client, server)
    }
}

fn about(took: Duration, ms: u64) -> bool {
    let least = Duration::from_millis(ms) - Duration::from_micros(EARLY_US);
    (least..=least + TICK).contains(&took)
}

#[tokio::test(start_paused = true)]
async fn bytes_take_a_handshake_and_one_way_there_and_one_back() {
    let between = line(100, 1000).await;
    let (mut client, mut server) = between.connect().await;
    for expected_ms in [150, 50] {
        let start = Instant::now();
        client.write_all(b"ping").await.expect("sent");
        let mut buffer = [0; 4];
        server.read_exact(&mut buffer).await.expect("there");
        assert!(about(start.elapsed(), expected_ms), "there: {:?}", start.elapsed());
        let start = Instant::now();
        server.write_all(b"pong").await.expect("sent");
        client.read_exact(&mut buffer).await.expect("back");
        assert_eq!(&buffer, b"pong");
        assert!(about(start.elapsed(), 50), "back: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_goes_one_way_and_the_other_direction_goes_on() {
    let between = line(100, 1000).await;
    let (mut client, mut server) = between.connect().await;
    client.write_all(b"all I have").await.expect("sent");
    client.shutdown().await.expect("an end");
    let mut text = String::new();
    let start = Instant::now();
    server.read_to_string(&mut text).await.expect("up to the end");
    assert_eq!(text, "all I have");
    assert!(about(start.elapsed(), 150), "{:?}", start.elapsed());
    server.write_all(b"and this is yours").await.expect("sent after the other's end");
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("the answer");
    assert_eq!(answer, "and this is yours");
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_passed_on_one_way_later() {
    let between = line(100, 1000).await;
    for by_client in [true, false] {
        let (mut client, mut server) = between.connect().await;
        client.write_all(b"x").await.expect("sent");
        server.read_exact(&mut [0]).await.expect("there");
        let (resets, mut learns) = if by_client { (client, server) } else { (server, client) };
        resets.set_zero_linger().expect("a reset instead of an end");
        let start = Instant::now();
        drop(resets);
        let learned = learns.read(&mut [0]).await.expect_err("no end, but a reset");
        assert_eq!(learned.kind(), io::ErrorKind::ConnectionReset);
        assert!(about(start.elapsed(), 50), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_there_is_an_end() {
    let between = line(20, 1000).await;
    drop(between.server);
    let mut client = TcpStream::connect(between.address).await.expect("the line itself is there");
    assert_eq!(client.read(&mut [0]).await.map_err(|error| error.kind()), Ok(0));
}

/// The rate is one for all connections of a direction: as much from one as from many, and never more.
#[tokio::test(start_paused = true)]
async fn many_connections_share_the_line() {
    const TOTAL: usize = 4 << 20;
    for connections in [1, 8, 256] {
        let between = line(20, 100).await;
        let mut ends = Vec::new();
        for _ in 0..connections {
            ends.push(between.connect().await);
        }
        let start = Instant::now();
        let each = TOTAL / connections;
        let mut transfers = tokio::task::JoinSet::new();
        for (mut client, mut server) in ends {
            transfers.spawn(async move {
                let send = async {
                    client.write_all(&vec![7; each]).await?;
                    client.shutdown().await
                };
                let mut got = Vec::new();
                let (sent, received) = tokio::join!(send, server.read_to_end(&mut got));
                sent.expect("sent");
                assert_eq!(received.expect("received"), each);
            });
        }
        while let Some(done) = transfers.join_next().await {
            done.expect("a transfer");
        }
        let took = start.elapsed();
        let line_takes = Duration::from_secs_f64(TOTAL as f64 / 12.5e6) + Duration::from_millis(10);
        assert!(
            took + Duration::from_micros(EARLY_US) >= line_takes,
            "{connections} connections beat the line: {took:?}"
        );
        assert!(took < line_takes * 3, "{connections} connections leave it empty: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn directions_do_not_share_and_requests_are_counted() {
    let between = line(20, 100).await;
    let (mut client, mut server) = between.connect().await;
    client.write_all(b"GET /bench/a HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    server.read_exact(&mut [0; 34]).await.expect("there");
    // Down is busy for 80 ms, which does not keep a byte from going up.
    server.write_all(&vec![0; 14_000]).await.expect("sent");
    let start = Instant::now();
    client.write_all(b"H").await.expect("sent");
    server.read_exact(&mut [0]).await.expect("there");
    assert!(about(start.elapsed(), 10), "{:?}", start.elapsed());
    let counts = between.shared.counts.lock().expect("counts").clone();
    assert_eq!(counts, Counts::from([("get".to_owned(), 1)]));
}

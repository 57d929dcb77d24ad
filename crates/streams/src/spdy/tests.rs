//! The laws of the protocol's state: cuts do not matter, garbage does no harm, bounds hold.

use proptest::prelude::*;

use super::*;

/// A client's side of a session, as bytes.
#[derive(Default)]
struct Client {
    packer: Option<Packer>,
    bytes: Vec<u8>,
}

impl Client {
    fn open(&mut self, stream: u32, kind: &str, last: bool) -> &mut Self {
        let block = self.packer.get_or_insert_with(Packer::new).pack(&[("streamtype", kind)]);
        frame::syn_stream(&mut self.bytes, stream, &block, last);
        self
    }

    fn data(&mut self, stream: u32, bytes: &[u8], last: bool) -> &mut Self {
        frame::data(&mut self.bytes, stream, bytes, last);
        self
    }
}

/// Feeds bytes cut at these places; data of one stream that comes in pieces is joined again.
fn feed(connection: &mut Connection, bytes: &[u8], cuts: &[usize]) -> Result<Vec<Event>, SpdyError> {
    let mut events: Vec<Event> = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    for pair in cuts.windows(2) {
        let mut input = Bytes::copy_from_slice(&bytes[pair[0]..pair[1]]);
        while let Some(event) = connection.receive(&mut input)? {
            match (events.last_mut(), event) {
                (Some(Event::Data { stream, bytes }), Event::Data { stream: next, bytes: more }) if *stream == next => {
                    *bytes = [&bytes[..], &more[..]].concat().into();
                }
                (_, event) => events.push(event),
            }
        }
        assert!(input.is_empty(), "input is taken whole");
    }
    Ok(events)
}

fn opened(stream: u32, kind: &str) -> Event {
    Event::Opened { stream, headers: Headers(vec![("streamtype".to_owned(), kind.to_owned())]) }
}

#[test]
fn an_exec_of_kubectl_is_read_and_answered() {
    let mut client = Client::default();
    client.open(1, "error", false).open(3, "stdin", false).open(5, "stdout", false).data(3, b"hi", false);
    client.data(3, b"", true);
    let mut connection = Connection::default();
    let events = feed(&mut connection, &client.bytes, &[]).unwrap();
    let hi = Event::Data { stream: 3, bytes: Bytes::from_static(b"hi") };
    let expected = [opened(1, "error"), opened(3, "stdin"), opened(5, "stdout"), hi, Event::Finished { stream: 3 }];
    assert_eq!(events, expected);
    connection.accept(5);
    let reply = connection.take_output();
    assert_eq!(reply[..4], [0x80, 3, 0, 2]);
    assert_eq!(reply[8..12], 5_u32.to_be_bytes());
    connection.send(5, b"out");
    connection.finish(5);
    assert_eq!(connection.take_output(), b"\0\0\0\x05\0\0\0\x03out\0\0\0\x05\x01\0\0\0");
    connection.send(5, b"more");
    assert_eq!(connection.take_output(), b"", "a stream that has ended takes no more");
}

#[test]
fn pings_of_the_client_come_back() {
    let mut bytes = Vec::new();
    frame::ping(&mut bytes, 7);
    frame::ping(&mut bytes, 8);
    let mut connection = Connection::default();
    assert_eq!(feed(&mut connection, &bytes, &[]), Ok(Vec::new()));
    assert_eq!(connection.take_output(), [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]);
}

#[test]
fn streams_beyond_the_bound_are_refused_and_done_ones_forgotten() {
    let mut client = Client::default();
    for index in 0..=STREAMS_MAX {
        client.open(2 * index as u32 + 1, "data", false);
    }
    let mut connection = Connection::default();
    let events = feed(&mut connection, &client.bytes, &[]).unwrap();
    assert_eq!((events.len(), connection.open_streams()), (STREAMS_MAX, STREAMS_MAX));
    let refused = connection.take_output();
    assert_eq!(refused[..4], [0x80, 3, 0, 3]);
    client.bytes.clear();
    client.data(1, b"", true);
    assert_eq!(feed(&mut connection, &client.bytes, &[]), Ok(vec![Event::Finished { stream: 1 }]));
    connection.finish(1);
    connection.reset(3);
    assert_eq!(connection.open_streams(), STREAMS_MAX - 2);
    client.bytes.clear();
    client.data(3, b"late", false);
    assert_eq!(feed(&mut connection, &client.bytes, &[]), Ok(Vec::new()), "data of a stream given up is dropped");
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let refused = |bytes: &[u8]| feed(&mut Connection::default(), bytes, &[]).unwrap_err();
    assert_eq!(refused(&[0x80, 2, 0, 1, 0, 0, 0, 0]), SpdyError::Version(2));
    assert_eq!(refused(&[0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff]), SpdyError::FrameTooLong(0xff_ffff));
    assert_eq!(refused(&[0x80, 3, 0, 3, 0, 0, 0, 0]), SpdyError::Malformed);
    let mut client = Client::default();
    assert_eq!(refused(&client.open(3, "a", false).open(1, "b", false).bytes), SpdyError::StreamId(1));
    assert_eq!(refused(&Client::default().open(2, "a", false).bytes), SpdyError::StreamId(2));
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        steps in prop::collection::vec((0_u32..4, prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let mut client = Client::default();
        for stream in 0..4 {
            client.open(2 * stream + 1, "data", false);
        }
        for (stream, bytes, last) in &steps {
            client.data(2 * stream + 1, bytes, *last);
        }
        let whole = feed(&mut Connection::default(), &client.bytes, &[]);
        let cut = feed(&mut Connection::default(), &client.bytes, &cuts);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn garbage_does_no_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        cuts in prop::collection::vec(any::<usize>(), 0..10),
        control in any::<bool>(),
    ) {
        let mut client = Client::default();
        client.open(1, "error", false);
        let mut bytes = bytes;
        if control && bytes.len() > 4 {
            bytes[..3].copy_from_slice(&[0x80, 3, 0]);
            bytes[3] %= 10;
        }
        client.bytes.extend_from_slice(&bytes);
        let mut connection = Connection::default();
        let _ = feed(&mut connection, &client.bytes, &cuts);
        prop_assert!(connection.open_streams() <= STREAMS_MAX);
        prop_assert!(connection.reader.held() <= FRAME_BYTES_MAX + 8);
    }
}

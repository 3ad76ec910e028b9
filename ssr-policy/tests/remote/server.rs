//! A scripted HTTP server on the loopback interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub headers: String,
    pub body: Value,
}

/// What the script says.
pub enum Say {
    Json(Value),
    Status(u16, &'static str, String),
    /// Closes the connection without a word.
    Hang,
    /// Nothing for as long as the client holds the connection.
    Silence,
}

pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    most: Arc<AtomicUsize>,
}

impl Server {
    /// Serves until the test ends. The script gets the number of the request too.
    pub fn start(script: impl Fn(usize, &Seen) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let most = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let script = Arc::new(script);
        let server = Self { url, seen: Arc::clone(&seen), most: Arc::clone(&most) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, most, open) = (seen.clone(), most.clone(), open.clone());
                let script = script.clone();
                std::thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    let Some(request) = read(&stream) else { return };
                    most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    let say = script(number, &request);
                    open.fetch_sub(1, Ordering::SeqCst);
                    answer(&mut stream, say);
                });
            }
        });
        server
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests were under way together.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = String::new();
    loop {
        let start = headers.len();
        reader.read_line(&mut headers).ok()?;
        if headers[start..].trim().is_empty() {
            break;
        }
    }
    let length = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { path, headers, body: serde_json::from_slice(&body).ok()? })
}

fn answer(stream: &mut TcpStream, say: Say) {
    let (status, headers, body) = match say {
        Say::Json(body) => (200, "", body.to_string()),
        Say::Status(status, headers, body) => (status, headers, body),
        Say::Hang => return,
        Say::Silence => {
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}");
    let _ = write!(stream, "{head}Connection: close\r\n\r\n{body}");
}

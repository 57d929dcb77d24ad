//! Typed calls, watches and caches over two transports: in-process and HTTP.

"""Notices clients that hang up while their guest runs."""

import select
import socket
import threading

from faasweb.wasmhost.sandbox import Sandbox

GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR | select.EPOLLONESHOT


class Watcher:
    """One thread that waits for the end of any watched connection and stops the guest behind it."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Sandbox] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._watch_forever, name="watcher", daemon=True).start()

    def watch(self, sock: socket.socket, sandbox: Sandbox) -> None:
        with self._lock:
            self._watched[sock.fileno()] = sandbox
            self._epoll.register(sock, GONE)

    def unwatch(self, sock: socket.socket) -> None:
        with self._lock:
            if self._watched.pop(sock.fileno(), None) is not None:
                self._epoll.unregister(sock)

    def _watch_forever(self) -> None:
        while True:
            for descriptor, _event in self._epoll.poll():
                with self._lock:
                    sandbox = self._watched.get(descriptor)
                if sandbox is not None:
                    sandbox.stop("cancelled")

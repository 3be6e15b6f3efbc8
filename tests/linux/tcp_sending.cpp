// qemu-user: does not know all options of sockets
// TCP's sending side: what gathers into segments and what goes at once; sendfile(2), splice(2), MSG_MORE, TCP_CORK.
#include "tests/linux/inet.h"
#include <linux/tcp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

namespace {
char expected[400'000], buffer[400'000];

struct Pair {
    int a, b;
    Pair() {
        int l = bound(SOCK_STREAM, "127.0.0.1");
        CHECK(listen(l, 1) == 0);
        Name at = name_of(l);
        a = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(connect(a, at, at.size) == 0);
        b = accept(l, nullptr, nullptr);
        CHECK(b >= 0);
        close(l);
    }
    ~Pair() { close(a), close(b); }
};
tcp_info info(int fd) {
    tcp_info i{};
    socklen_t size = sizeof i;
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &size) == 0);
    return i;
}
unsigned unsent(int fd) { return info(fd).tcpi_notsent_bytes; }
int new_file(size_t size) {
    int fd = memfd_create("sent", 0);
    for (size_t i = 0; i < size; i++) expected[i] = static_cast<char>(i * 7 + i / 4096);
    CHECK(write(fd, expected, size) == static_cast<ssize_t>(size));
    return fd;
}
/// The next bytes of the peer are those of the file from `at` on.
bool arrives(int fd, size_t at, size_t size) {
    for (size_t n = 0; n < size;) {
        ssize_t got = recv(fd, buffer, size - n, 0);
        if (got <= 0 || memcmp(buffer, expected + at + n, static_cast<size_t>(got))) return false;
        n += static_cast<size_t>(got);
    }
    return true;
}

void a_file_goes_in_large_segments() {
    Pair p;
    constexpr size_t size = 300'001;
    int f = new_file(size);
    pid_t child = start([&] { return !arrives(p.b, 3, size - 3); });
    off_t at = 3;
    while (at < static_cast<off_t>(size)) CHECK(sendfile(p.a, f, &at, 1 << 20) > 0); // more than there is
    CHECK(unsent(p.a) == 0 || eventually([&] { return unsent(p.a) == 0; }));
    CHECK(exit_of(child) == 0);
    CHECK(info(p.a).tcpi_segs_out < 60); // there are 74 pages
    close(f);
}

void the_last_piece_waits_for_nothing() {
    Pair p;
    int f = new_file(20'000);
    off_t at = 0;
    CHECK(sendfile(p.a, f, &at, 10'000) == 10'000 && unsent(p.a) == 0); // the count is reached
    CHECK(arrives(p.b, 0, 10'000));
    CHECK(sendfile(p.a, f, &at, 20'000) == 10'000 && unsent(p.a) == 0); // the file ends
    CHECK(arrives(p.b, 10'000, 10'000));
    CHECK(sendfile(p.a, f, &at, 10) == 0 && at == 20'000);
    // What was held back goes with it.
    CHECK(send(p.a, expected, 5, MSG_MORE) == 5 && unsent(p.a) == 5);
    at = 5;
    CHECK(sendfile(p.a, f, &at, 100) == 100 && unsent(p.a) == 0 && arrives(p.b, 0, 105));
    // A cork holds a file back, too.
    CHECK(set(p.a, IPPROTO_TCP, TCP_CORK, 1) == 0);
    at = 0;
    CHECK(sendfile(p.a, f, &at, 5000) == 5000 && unsent(p.a) == 5000);
    CHECK(set(p.a, IPPROTO_TCP, TCP_CORK, 0) == 0 && unsent(p.a) == 0 && arrives(p.b, 0, 5000));
    close(f);
}

void a_pipe_says_that_more_follows() {
    Pair p;
    int ends[2], f = new_file(20'000);
    CHECK(pipe(ends) == 0);
    loff_t at = 0;
    CHECK(splice(f, &at, ends[1], nullptr, 9000, 0) == 9000);
    CHECK(splice(ends[0], nullptr, p.a, nullptr, 9000, SPLICE_F_MORE) == 9000 && unsent(p.a) == 9000);
    CHECK(splice(f, &at, ends[1], nullptr, 1000, 0) == 1000);
    CHECK(splice(ends[0], nullptr, p.a, nullptr, 2000, 0) == 1000 && unsent(p.a) == 0);
    CHECK(arrives(p.b, 0, 10'000));
    // What is written behind it into the same page is not sent.
    CHECK(write(ends[1], expected, 100) == 100);
    CHECK(splice(ends[0], nullptr, p.a, nullptr, 50, 0) == 50);
    CHECK(write(ends[1], "x", 1) == 1 && read(ends[0], buffer, 100) == 51 && buffer[50] == 'x');
    CHECK(arrives(p.b, 0, 50) && recv(p.b, buffer, 1, MSG_DONTWAIT) == -1);
    close(f), close(ends[0]), close(ends[1]);
}

void what_is_sent_outlives_the_file() {
    Pair p;
    int f = new_file(40'000);
    off_t at = 0;
    CHECK(sendfile(p.a, f, &at, 40'000) == 40'000);
    CHECK(ftruncate(f, 0) == 0);
    close(f);
    CHECK(arrives(p.b, 0, 40'000));
}

void a_full_socket_takes_a_part() {
    Pair p;
    int f = new_file(sizeof expected), size = 20'000;
    CHECK(setsockopt(p.a, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 && fcntl(p.a, F_SETFL, O_NONBLOCK) == 0);
    off_t at = 0;
    size_t seen = 0;
    while (at < static_cast<off_t>(sizeof expected)) {
        off_t before = at;
        errno = 0;
        ssize_t n = sendfile(p.a, f, &at, sizeof expected);
        bool full = n == -1 && errno == EAGAIN && at == before;
        CHECK(full || n == at - before);
        // Full with nothing left to read: its last acknowledgement is still to come.
        pollfd either[] = {{p.a, POLLOUT, 0}, {p.b, POLLIN, 0}};
        CHECK(poll(either, 2, 5000) > 0);
        if (!either[1].revents) continue;
        ssize_t got = recv(p.b, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got <= 0 || memcmp(buffer, expected + seen, static_cast<size_t>(got))) {
            CHECK(!"the file's bytes");
            break;
        }
        seen += static_cast<size_t>(got);
    }
    CHECK(arrives(p.b, seen, sizeof expected - seen));
    close(f);
}

void what_is_unsent_is_bounded() {
    Pair p;
    constexpr unsigned low = 30'000;
    CHECK(set(p.a, IPPROTO_TCP, TCP_NOTSENT_LOWAT, low) == 0 && get(p.a, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == low);
    CHECK(fcntl(p.a, F_SETFL, O_NONBLOCK) == 0);
    size_t sent = 0;
    for (ssize_t n; (n = send(p.a, expected, 5000, 0)) > 0;) sent += static_cast<size_t>(n);
    CHECK(unsent(p.a) >= low && unsent(p.a) < low + 70'000);
    FAILS(EAGAIN, send(p.a, expected, 5000, 0));
    CHECK(!(ready(p.a) & POLLOUT));
    for (size_t got = 0; got < sent;) {
        ssize_t n = recv(p.b, buffer, sizeof buffer, 0);
        CHECK(n > 0);
        if (n <= 0) break;
        got += static_cast<size_t>(n);
    }
    CHECK(eventually([&] { return ready(p.a) & POLLOUT; }) && unsent(p.a) == 0);
}

void a_pace_is_kept() {
    Pair p;
    unsigned all = 0;
    socklen_t size = sizeof all;
    CHECK(getsockopt(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, &all, &size) == 0 && size == 4 && all == ~0u);
    unsigned long rate = 0;
    size = sizeof rate;
    CHECK(getsockopt(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &size) == 0 && size == 8 && rate == ~0ul);
    CHECK(set(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, 1'000'000) == 0);
    CHECK(get(p.a, SOL_SOCKET, SO_MAX_PACING_RATE) == 1'000'000);
    CHECK(info(p.a).tcpi_max_pacing_rate == 1'000'000);
    rate = 5'000'000'000;
    CHECK(setsockopt(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate) == 0);
    size = sizeof rate;
    CHECK(getsockopt(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &size) == 0 && rate == 5'000'000'000);
    CHECK(get(p.a, SOL_SOCKET, SO_MAX_PACING_RATE) == -1); // as much as an int can say
    CHECK(set(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, -1) == 0);
    size = sizeof rate;
    CHECK(getsockopt(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &size) == 0 && rate == ~0ul);
    FAILS(EINVAL, setsockopt(p.a, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, 3));
}

void what_a_connection_tells_of_itself() {
    Pair p;
    tcp_info i = info(p.a);
    CHECK(i.tcpi_state == 1 && i.tcpi_ca_state == 0 && i.tcpi_snd_ssthresh == 0x7fff'ffff && i.tcpi_snd_cwnd == 10);
    CHECK(i.tcpi_max_pacing_rate == ~0ull && i.tcpi_unacked == 0 && i.tcpi_total_retrans == 0);
    CHECK(!(i.tcpi_options & TCPI_OPT_ECN)); // by default nobody asks for it
    CHECK(i.tcpi_data_segs_out == 0 && i.tcpi_data_segs_in == 0 && i.tcpi_bytes_acked == 1 && i.tcpi_delivered == 1);
    CHECK(send(p.a, expected, 1000, 0) == 1000 && arrives(p.b, 0, 0));
    CHECK(eventually([&] { return info(p.b).tcpi_data_segs_in == 1; }));
    CHECK(recv(p.b, buffer, 1000, 0) == 1000 && send(p.b, expected, 10, 0) == 10);
    CHECK(recv(p.a, buffer, 10, 0) == 10);
    CHECK(eventually([&] { return info(p.a).tcpi_bytes_acked == 1001; }));
    i = info(p.a);
    CHECK(i.tcpi_data_segs_out == 1 && i.tcpi_data_segs_in == 1 && i.tcpi_bytes_sent == 1000);
    CHECK(i.tcpi_delivered == 2 && i.tcpi_bytes_received == 10 && i.tcpi_delivered_ce == 0 && i.tcpi_dsack_dups == 0);
    CHECK(i.tcpi_pacing_rate != 0 && i.tcpi_rcv_ooopack == 0);
}
} // namespace

int main() {
    a_file_goes_in_large_segments();
    the_last_piece_waits_for_nothing();
    a_pipe_says_that_more_follows();
    what_is_sent_outlives_the_file();
    a_full_socket_takes_a_part();
    what_is_unsent_is_bounded();
    a_pace_is_kept();
    what_a_connection_tells_of_itself();
    return finish("tcp_sending");
}

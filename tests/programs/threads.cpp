// std::thread and what stands on it, dynamic with glibc and libstdc++.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

int main() {
    std::atomic<long> sum{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&, i] {
            for (int n = 0; n < 10000; n++) sum += i;
        });
    for (auto& t : threads) t.join();
    std::cout << "sum " << sum << "\n";

    std::mutex mutex;
    std::condition_variable ready;
    std::vector<int> queue;
    long received = 0;
    std::thread consumer([&] {
        for (int n = 0; n < 1000; n++) {
            std::unique_lock lock(mutex);
            ready.wait(lock, [&] { return !queue.empty(); });
            received += queue.back();
            queue.pop_back();
        }
    });
    for (int n = 0; n < 1000; n++) {
        std::lock_guard lock(mutex);
        queue.push_back(n);
        ready.notify_one();
    }
    consumer.join();
    std::cout << "received " << received << "\n";

    auto answer = std::async(std::launch::async, [] { return std::string("from a future"); });
    std::cout << answer.get() << "\n";
    auto failing = std::async(std::launch::async, []() -> int { throw std::runtime_error("thrown in a thread"); });
    try {
        failing.get();
    } catch (const std::exception& e) { std::cout << "caught: " << e.what() << "\n"; }
    thread_local int mine = 5;
    std::thread([] { mine = 9; }).join();
    std::cout << "thread_local " << mine << "\n";
    auto before = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::cout << (std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(20)) << "\n";
    std::map<std::string, int> words;
    std::istringstream text("a b a c b a");
    for (std::string w; text >> w;) words[w]++;
    for (auto& [w, n] : words) std::cout << w << " " << n << "\n";
}

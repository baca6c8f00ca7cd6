// The emulation itself: tiles that are not whole, mistakes that a processor would not forgive, and that what is compiled for AMX takes it.
#include "emulated_amx.hpp"

#include "../cpu/tiles.hpp"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

using namespace regulus;
using namespace regulus::testing;

namespace {

struct alignas(64) Configuration {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
};

/// The signal that ends a process in which `act` is all that happens, 0 when it returns.
template <class Act>
int ends_by(const Act& act) {
    const pid_t child = fork();
    if (child == 0) {
        if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
        act();
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

void configure(const Configuration& configuration) { __asm__ volatile("ldtilecfg %0" ::"m"(configuration)); }
void release() { __asm__ volatile("tilerelease" ::); }
void multiply_first() { __asm__ volatile("tdpbf16ps %%tmm2, %%tmm1, %%tmm0" ::); }
void clear_first() { __asm__ volatile("tilezero %%tmm0" ::); }

}  // namespace

TEST_CASE("emulated amx: products of tiles that are not whole, loaded and stored with any distance of rows; nothing else is written") {
    REQUIRE_AVX512_BF16();
    constexpr int rows = 5, pairs = 7, columns = 12, a_pitch = 2 * pairs + 3, b_pitch = 2 * columns + 10, sum_pitch = columns + 4;
    const std::int64_t before = emulated_instructions();
    Configuration configuration;
    configuration.rows[0] = configuration.rows[6] = rows;
    configuration.rows[7] = pairs;
    configuration.row_bytes[0] = configuration.row_bytes[7] = 4 * columns;
    configuration.row_bytes[6] = 4 * pairs;
    for (int tile = 1; tile < 6; ++tile) configuration.rows[tile] = 1, configuration.row_bytes[tile] = 4;
    std::vector<cpu::Bf16> a, b;
    for (int i = 0; i < rows * a_pitch; ++i) a.push_back(cpu::bf16_of(float(i * 7 % 23 - 11)));
    for (int i = 0; i < pairs * b_pitch; ++i) b.push_back(cpu::bf16_of(float(i * 5 % 19 - 9)));
    std::vector<float> sums(rows * sum_pitch, 3.f);
    configure(configuration);
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm0" ::"r"(sums.data()), "r"(std::int64_t(4 * sum_pitch)) : "memory");
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm6" ::"r"(a.data()), "r"(std::int64_t(2 * a_pitch)) : "memory");
    __asm__ volatile("tileloaddt1 (%0,%1,2), %%tmm7" ::"r"(b.data()), "r"(std::int64_t(b_pitch)) : "memory");
    __asm__ volatile("tdpbf16ps %%tmm7, %%tmm6, %%tmm0" ::);
    std::vector<float> result(sums.size(), 77.f);
    __asm__ volatile("tilestored %%tmm0, 8(%0,%1,1)" ::"r"(result.data() - 2), "r"(std::int64_t(4 * sum_pitch)) : "memory");
    release();
    CHECK(emulated_instructions() == before + 7);  // whatever this processor has
    for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < sum_pitch; ++column) {
            float expected = column < columns ? 3.f : 77.f;
            for (int i = 0; column < columns && i < 2 * pairs; ++i) expected += cpu::float_of(a[std::size_t(row * a_pitch + i)]) * cpu::float_of(b[std::size_t(i / 2 * b_pitch + 2 * column + i % 2)]);
            INFO("row " << row << " column " << column);
            CHECK(result[std::size_t(row * sum_pitch + column)] == expected);
        }
    }
}

TEST_CASE("emulated amx: tiles without a configuration, products whose sizes do not fit and instructions of others end the program") {
    REQUIRE_AVX512_BF16();
    Configuration whole;
    for (int tile = 0; tile < 8; ++tile) whole.rows[tile] = 16, whole.row_bytes[tile] = 64;
    Configuration misfit = whole;
    misfit.rows[1] = 9;
    CHECK(ends_by([&] { configure(whole), clear_first(), multiply_first(), release(); }) == 0);
    CHECK(ends_by([] { clear_first(); }) == SIGABRT);
    CHECK(ends_by([&] { configure(whole), release(), clear_first(); }) == SIGABRT);
    CHECK(ends_by([&] { configure(misfit), multiply_first(); }) == SIGABRT);
    CHECK(ends_by([] { __asm__ volatile("ud2" ::); }) == SIGILL);
}

TEST_CASE("emulated amx: compiled kernels take it") {
    REQUIRE_AVX512_BF16();
    CHECK(cpu::may_use_amx());
    CHECK(std::string(cpu::tile_functions().name) == "amx");
    const std::int64_t before = emulated_instructions();
    const Graph graph = one_convolution(conv(64, 64, 3));
    const Weights weights = random_weights(graph);
    run_on(CpuBackend{}, graph, weights, random_inputs(graph, {1, 64, 64}));
    CHECK(emulated_instructions() > before);
}

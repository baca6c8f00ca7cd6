#include "emulated_amx.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <signal.h>
#include <ucontext.h>
#include <xmmintrin.h>

namespace {

constexpr int most_rows = 16, most_row_bytes = 64, most_columns = most_row_bytes / 4, tile_count = 8;

struct Tile {
    alignas(64) std::uint32_t rows[most_rows][most_columns];
};

/// What a thread's tiles are and hold.
struct TileState {
    bool is_configured = false;
    std::uint8_t rows[tile_count];
    std::uint16_t row_bytes[tile_count];
    Tile tiles[tile_count];
};

thread_local TileState state;
std::atomic<std::int64_t> emulated{0};

/// The fields of an instruction of three bytes of VEX prefix, map 0F38, W 0, L 0; of a memory operand the address that the base and the displacement give, and the
/// index apart: to tiles it is the distance of rows.
struct Instruction {
    int prefix, opcode, reg, rm, vvvv;
    bool has_memory;
    std::byte* address = nullptr;
    std::int64_t index;
    std::size_t length;
};

enum Prefix { no_prefix, prefix_66, prefix_f3, prefix_f2 };

std::int64_t value_of(const greg_t* registers, int number) {
    static constexpr int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return registers[places[number]];
}

bool decode(const greg_t* registers, const std::uint8_t* code, Instruction& to) {
    if (code[0] != 0xC4 || (code[1] & 0x1F) != 2 || (code[2] & 0x84) != 0) return false;
    const int more_reg = (~code[1] >> 7 & 1) * 8, more_index = (~code[1] >> 6 & 1) * 8, more_base = (~code[1] >> 5 & 1) * 8;
    const int mod = code[4] >> 6;
    to.prefix = code[2] & 3;
    to.vvvv = ~code[2] >> 3 & 15;
    to.opcode = code[3];
    to.reg = (code[4] >> 3 & 7) + more_reg;
    to.rm = code[4] & 7;
    to.has_memory = mod != 3;
    to.index = 0;
    to.length = 5;
    if (!to.has_memory) {
        to.rm += more_base;
        return true;
    }
    std::int64_t address = 0;
    bool has_long_displacement = mod == 2;
    if (to.rm == 4) {
        const int sib = code[to.length++], index = (sib >> 3 & 7) + more_index, base = sib & 7;
        if (index != 4) to.index = value_of(registers, index) << (sib >> 6);
        if (base == 5 && mod == 0) has_long_displacement = true;
        else address = value_of(registers, base + more_base);
    } else if (to.rm == 5 && mod == 0) {
        return false;  // relative to the instruction: not in our code
    } else {
        address = value_of(registers, to.rm + more_base);
    }
    if (has_long_displacement) {
        std::int32_t displacement;
        std::memcpy(&displacement, code + to.length, sizeof displacement);
        address += displacement;
        to.length += sizeof displacement;
    } else if (mod == 1) {
        address += std::int8_t(code[to.length++]);
    }
    to.address = reinterpret_cast<std::byte*>(address);
    return true;
}

void refuse(const char* why) {
    std::fprintf(stderr, "emulated AMX: %s\n", why);
    std::abort();
}

void configure(const std::byte* from) {
    std::uint8_t bytes[64];
    std::memcpy(bytes, from, sizeof bytes);
    if (bytes[0] != 1) refuse("a palette other than 1");
    for (int tile = 0; tile < tile_count; ++tile) {
        std::memcpy(&state.row_bytes[tile], bytes + 16 + 2 * tile, 2);
        state.rows[tile] = bytes[48 + tile];
        if (state.rows[tile] == 0 || state.rows[tile] > most_rows || state.row_bytes[tile] == 0 || state.row_bytes[tile] > most_row_bytes || state.row_bytes[tile] % 4 != 0) refuse("a tile of that size cannot be");
    }
    std::memset(state.tiles, 0, sizeof state.tiles);
    state.is_configured = true;
}

void load(int tile, const std::byte* from, std::int64_t distance) {
    state.tiles[tile] = {};
    for (int row = 0; row < state.rows[tile]; ++row) std::memcpy(state.tiles[tile].rows[row], from + row * distance, state.row_bytes[tile]);
}

void store(int tile, std::byte* to, std::int64_t distance) {
    for (int row = 0; row < state.rows[tile]; ++row) std::memcpy(to + row * distance, state.tiles[tile].rows[row], state.row_bytes[tile]);
}

float low_half(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float high_half(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xFFFF0000u); }

/// Sums of the first and of the second products of all pairs, each from zero, then both together; denormal numbers are zeros (Intel's manual, TDPBF16PS).
void multiply(int sums, int a, int b) {
    if (state.rows[sums] != state.rows[a] || state.row_bytes[a] / 4 != state.rows[b] || state.row_bytes[sums] != state.row_bytes[b]) refuse("a product of tiles whose sizes do not fit");
    _mm_setcsr(_mm_getcsr() | 0x8040);  // denormal operands and results as zeros; the return from the handler brings back what was
    for (int row = 0; row < state.rows[sums]; ++row) {
        float first[most_columns] = {}, second[most_columns] = {};
        for (int pair = 0; pair < state.rows[b]; ++pair) {
            const std::uint32_t factors = state.tiles[a].rows[row][pair];
            for (int column = 0; column < most_columns; ++column) {
                first[column] += low_half(factors) * low_half(state.tiles[b].rows[pair][column]);
                second[column] += high_half(factors) * high_half(state.tiles[b].rows[pair][column]);
            }
        }
        for (int column = 0; column < most_columns; ++column) {
            std::uint32_t& sum = state.tiles[sums].rows[row][column];
            sum = std::bit_cast<std::uint32_t>(std::bit_cast<float>(sum) + (first[column] + second[column]));
        }
    }
}

/// False: none of AMX's that Regulus uses.
bool perform(const Instruction& i) {
    if (i.opcode == 0x49 && i.prefix == no_prefix && i.reg == 0) {
        if (i.has_memory) configure(i.address);
        else state.is_configured = false;
        return true;
    }
    const bool is_zero = i.opcode == 0x49 && i.prefix == prefix_f2 && !i.has_memory, is_load = i.opcode == 0x4B && (i.prefix == prefix_f2 || i.prefix == prefix_66) && i.has_memory;
    const bool is_store = i.opcode == 0x4B && i.prefix == prefix_f3 && i.has_memory, is_product = i.opcode == 0x5C && i.prefix == prefix_f3 && !i.has_memory;
    if (!is_zero && !is_load && !is_store && !is_product) return false;
    if (!state.is_configured) refuse("tiles are used before their configuration or after their release");
    if (is_zero) state.tiles[i.reg] = {};
    else if (is_load) load(i.reg, i.address, i.index);
    else if (is_store) store(i.reg, i.address, i.index);
    else multiply(i.reg, i.rm, i.vvvv);
    return true;
}

void handle(int, siginfo_t*, void* context) {
    greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    Instruction instruction;
    std::int64_t count = 0;
    // What follows is most often one more.
    while (decode(registers, reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]), instruction) && perform(instruction)) {
        registers[REG_RIP] += greg_t(instruction.length);
        ++count;
    }
    if (count == 0) signal(SIGILL, SIG_DFL);  // the program ends as it would have
    emulated.fetch_add(count, std::memory_order_relaxed);
}

const bool is_installed = [] {
    struct sigaction action {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGILL, &action, nullptr) == 0;
}();

}  // namespace

/// In place of the library's own (amx_tiles-impl.hpp), which is inline and so gives way.
namespace regulus::cpu {
bool may_use_amx();
bool may_use_amx() { return __builtin_cpu_supports("avx512bf16"); }
}  // namespace regulus::cpu

std::int64_t regulus::testing::emulated_instructions() { return emulated.load(std::memory_order_relaxed); }

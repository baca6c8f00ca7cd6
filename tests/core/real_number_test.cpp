// Numbers with a fraction by either way.
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include <regulus/core/real_number.hpp>

using namespace regulus;

#if defined(__cpp_lib_to_chars)

namespace {

/// The C library's way gives what std::from_chars gives: end, error and every bit, or an untouched value.
template <class T>
void check_same(const std::string& text) {
    CAPTURE(text);
    T expected = T(7), found = T(7);
    const auto theirs = std::from_chars(text.data(), text.data() + text.size(), expected), ours = detail::real_by_strtod(text.data(), text.data() + text.size(), found);
    CHECK(ours.ptr == theirs.ptr);
    CHECK(ours.ec == theirs.ec);
    if (std::isnan(expected)) CHECK(std::isnan(found));
    else CHECK(std::memcmp(&expected, &found, sizeof(T)) == 0);
}

void check_both(const std::string& text) {
    check_same<float>(text);
    check_same<double>(text);
}

}  // namespace

TEST_CASE("real numbers: the C library's way is std::from_chars'") {
    for (const char* text : {"", "-", "+1", ".", "-.", "1", "-1", "1.", ".5", "-.5e1", "1e", "1e+", "1e-", "1e5x", "1.5.2", "0x10", " 1", "1 ", "inf", "-INF", "infinit", "Infinity1", "nan", "-nan", "nan(", "nan(1_a)",
                             "nan(1-)", "in", "1e400", "-1e400", "1e39", "1e-46", "1e-400", "-1e-400", "0e-9999", "0.0", "-0.0", "4.9e-324", "2e-324", "3.4028235e38", "3.4028236e38", "1.4e-45", "1e-40", "00012.50",
                             "0.1", "123456789012345678901234567890", "1e0000000000000000000005", "0.30000001192092896"}) {
        check_both(text);
    }
    std::mt19937 random(1);
    const std::string letters = "0123456789.eE+-infa x";
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        for (std::size_t length = random() % 9; text.size() < length;) text += letters[random() % letters.size()];
        check_both(text);
    }
    for (int i = 0; i < 20000; ++i) {
        char text[40];
        std::uint64_t bits = std::uint64_t(random()) << 32 | random();
        double number;
        std::memcpy(&number, &bits, sizeof number);
        std::snprintf(text, sizeof text, i % 2 == 0 ? "%.17g" : "%.6g", number);
        check_both(text);
    }
}

#endif

TEST_CASE("real numbers: what a text begins with") {
    const std::string text = "2.5e3,7";
    double value = 0;
    CHECK(real_from_chars(text.data(), text.data() + text.size(), value).ptr == text.data() + 5);
    CHECK(value == 2500);
    float single = 0;
    CHECK(real_from_chars(text.data() + 5, text.data() + text.size(), single).ec == std::errc::invalid_argument);
}

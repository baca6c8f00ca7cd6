// Float32 products of three bfloat16 parts each: the parts, blocks of products, and every kernel that makes them, against sums in double. Plain loops make
// them everywhere; where the processor has AMX, it is tested besides.
#include "bf16.hpp"
#include "tiles.hpp"

#include <regulus/cpu/tile_weights-impl.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

using cpu::Bf16;

double sum_of(const std::array<Bf16, 3>& parts) { return double(cpu::float_of(parts[0])) + double(cpu::float_of(parts[1])) + double(cpu::float_of(parts[2])); }

/// Steps whose products are split.
std::int64_t split_steps(const CpuBackend& backend, const Graph& graph, const InputSize& size) {
    const auto steps = compile(backend, graph, random_weights(graph), {.threads = 2}).steps(size);
    return std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.reason.find("three bfloat16 parts") != std::string::npos; });
}

/// The reference's results from `split` such steps, none of them where they are off; the same bits with any number of threads.
void check_split(const Graph& graph, const InputSize& size, std::int64_t split, double limit = one_layer) {
    INFO("n " << size.n << " h " << size.height << " w " << size.width);
    CHECK(split_steps(split_backend(), graph, size) == split);
    CHECK(split_steps(plain_backend(), graph, size) == 0);
    CHECK(split_steps(CpuBackend{}, graph, size) == (cpu::may_use_amx() ? split : 0));
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    const Outputs one = run_in_nan(split_backend(), graph, weights, inputs, 1);
    check_outputs(one, run_on(BasicReferenceBackend<double>{}, graph, weights, inputs), limit);
    for (const int threads : {2, 3, 5}) {
        INFO(threads << " threads");
        CHECK(same_bits(run_in_nan(split_backend(), graph, weights, inputs, threads), one));
    }
}

ops::Conv2d with_bias(ops::Conv2d op, Activation activation) {
    op.bias = true;
    op.activation = activation;
    return op;
}

}  // namespace

TEST_CASE("cpu bf16x3: three parts are the number, to the last bit; NaN and infinity have a NaN among theirs") {
    std::vector<float> numbers{0.f, 1.f, 1.f + 0x1p-8f, 1.f + 0x1.8p-7f, 1.f - 0x1p-24f, 0x1.fffffep0f, 0x1.010102p5f, 0x1.fefefep-20f, 0x1.00ff01p60f, 0x1p-100f, 0x1.fdfffep126f};
    for (const float value : random_floats(3000, 5)) numbers.insert(numbers.end(), {value, value * 0x1p90f, value * 0x1p-90f});
    for (const float value : numbers) {
        for (const float sign : {1.f, -1.f}) {
            INFO(value);
            CHECK(sum_of(cpu::split_of(sign * value)) == double(sign * value));
        }
    }
    for (const float value : {NAN, INFINITY, -INFINITY, std::bit_cast<float>(0x7FFFFFFFu), std::bit_cast<float>(0xFFFFFFFFu), std::bit_cast<float>(0x7F800001u)}) CHECK(std::isnan(sum_of(cpu::split_of(value))));
}

TEST_CASE("cpu bf16x3: rows are packed part by part, with zeros behind their end") {
    for (const cpu::TileFunctions& functions : cpu::all_tile_functions()) {
        for (std::int64_t count = 0; count <= 70; ++count) {
            std::vector<float> from = random_floats(96, std::uint64_t(count));
            std::fill(from.begin() + count, from.end(), NAN);  // must not be read
            constexpr std::int64_t steps = 3;
            std::vector<Bf16> to(std::size_t(steps * cpu::split_tile_elements), 77);
            functions.split(from.data(), count, to.data(), steps);
            int wrong = 0;
            for (std::int64_t i = 0; i < std::int64_t(to.size()); ++i) {
                const std::int64_t step = i / cpu::split_tile_elements, part = i % cpu::split_tile_elements / (cpu::tile_rows * cpu::tile_depth), line = i % (cpu::tile_rows * cpu::tile_depth), k = step * cpu::tile_depth + line;
                const Bf16 expected = line >= cpu::tile_depth ? Bf16(77) : k < count ? cpu::split_of(from[std::size_t(k)])[std::size_t(part)] : Bf16(0);
                wrong += to[std::size_t(i)] == expected ? 0 : 1;
            }
            INFO("count " << count);
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("cpu bf16x3: weights are split all at once or in shares between products, of one term or of three") {
    for (const cpu::TileFunctions& functions : cpu::all_tile_functions()) {
        functions.begin();
        for (const int terms : {1, 3}) {
            for (const int column_tiles : {1, 2}) {
                constexpr std::int64_t steps = 5;
                const std::int64_t of_step = column_tiles * cpu::tile_rows, lines = steps * of_step, distance = lines * cpu::tile_depth + 96;
                const std::vector<float> from = random_floats(std::size_t(3 * distance), 7);
                const std::array<float, 3> factors{0.75f, -1.3f, 3.1f};
                cpu::SplitAhead all;
                all.from = from.data();
                all.terms = terms;
                all.term_distance = distance;
                all.factors = factors;
                all.column_tiles = column_tiles;
                all.left = lines;
                std::vector<Bf16> at_once(std::size_t(lines * cpu::tile_depth * 3 + 32), 77), in_shares = at_once;
                all.to = at_once.data();
                functions.split_weights(all);
                int wrong = 0;
                for (std::int64_t i = 0; i < lines * cpu::tile_depth; ++i) {
                    const std::int64_t line = i / cpu::tile_depth, place = (line / of_step * 3 * of_step + line % of_step) * cpu::tile_depth + i % cpu::tile_depth;
                    double value = 0, magnitudes = 0, sum = 0;
                    for (int term = 0; term < terms; ++term) {
                        const double product = double(from[std::size_t(term * distance + i)]) * (terms == 1 ? 1 : double(factors[std::size_t(term)]));
                        value += product;
                        magnitudes += std::fabs(product);
                    }
                    for (std::int64_t part = 0; part < 3; ++part) sum += double(cpu::float_of(at_once[std::size_t(place + part * of_step * cpu::tile_depth)]));
                    wrong += std::fabs(sum - value) <= (terms == 1 ? 0 : 3 * 0x1p-24 * magnitudes) ? 0 : 1;  // three roundings; one term is exact
                }
                CHECK(wrong == 0);
                CHECK(std::all_of(at_once.end() - 32, at_once.end(), [](Bf16 element) { return element == 77; }));

                // Seven products of a block, between whose tiles a part of the lines each is split.
                const std::vector<Bf16> zeros(std::size_t(steps * 2 * cpu::split_tile_elements), Bf16(0));
                std::vector<float> sums(std::size_t(cpu::block_rows * cpu::block_columns), 0.f);
                const cpu::TileResult nothing;
                for (std::int64_t first = 0; first < lines;) {
                    const std::int64_t last = first == 0 ? 1 : std::min(lines, first + lines / 6 + 3);
                    cpu::SplitProduct product;
                    product.a = product.b = zeros.data();
                    product.a_pitch = steps * cpu::split_tile_elements;
                    product.steps = steps;
                    product.sums = sums.data();
                    product.split = all;
                    product.split.left = last - first;
                    product.split.line = first % of_step;
                    product.split.from += first * cpu::tile_depth;
                    product.split.to = in_shares.data() + (first / of_step * 3 * of_step + first % of_step) * cpu::tile_depth;
                    functions.multiply_split(product, nothing);
                    first = last;
                }
                CHECK(in_shares == at_once);
            }
        }
        functions.end();
    }
}

TEST_CASE("cpu bf16x3: blocks of products equal sums in double as closely as float32's, for every number of tiles, added or not") {
    for (const cpu::TileFunctions& functions : cpu::all_tile_functions()) {
        functions.begin();
        for (const std::int64_t steps : {1, 2, 7}) {
            for (const int shape : {0, 1, 2, 3}) {
                for (const bool adds : {false, true}) {
                    cpu::SplitProduct product;
                    product.rows = (1 + shape % 2) * cpu::tile_rows - (adds ? 5 : 0);
                    product.column_tiles = 1 + shape / 2;
                    product.steps = steps;
                    product.a_pitch = steps * cpu::split_tile_elements + 64;
                    product.adds = adds;
                    const std::int64_t rows = cpu::row_tiles(product.rows) * cpu::tile_rows, columns = product.column_tiles * cpu::tile_columns, depth = steps * cpu::tile_depth;
                    const std::vector<float> a = random_floats(std::size_t(rows * depth), 1), b = random_floats(std::size_t(depth * columns), 2), before = random_floats(std::size_t(cpu::block_rows * cpu::block_columns), 3);
                    std::vector<Bf16> packed_a(std::size_t(2 * product.a_pitch)), packed_b(std::size_t(steps * cpu::split_parts * product.column_tiles * cpu::tile_elements));
                    for (std::int64_t row = 0; row < rows; ++row) functions.split(a.data() + row * depth, depth, packed_a.data() + row / cpu::tile_rows * product.a_pitch + row % cpu::tile_rows * cpu::tile_depth, steps);
                    for (std::int64_t k = 0; k < depth; ++k) {
                        for (std::int64_t column = 0; column < columns; ++column) {
                            const std::array<Bf16, 3> parts = cpu::split_of(b[std::size_t(k * columns + column)]);
                            for (std::int64_t part = 0; part < 3; ++part) {
                                const std::int64_t tile = (k / cpu::tile_depth * 3 + part) * product.column_tiles + column / cpu::tile_columns;
                                packed_b[std::size_t(tile * cpu::tile_elements + (k % cpu::tile_depth / 2 * cpu::tile_columns + column % cpu::tile_columns) * 2 + k % 2)] = parts[std::size_t(part)];
                            }
                        }
                    }
                    std::vector<float> sums = before;
                    product.a = packed_a.data();
                    product.b = packed_b.data();
                    product.sums = sums.data();
                    product.ahead = {reinterpret_cast<const std::byte*>(packed_b.data()), 3};
                    cpu::TileResult earlier;  // is stored meanwhile
                    const std::vector<float> earlier_sums = random_floats(std::size_t(cpu::block_rows * cpu::block_columns), 4), bias(std::size_t(cpu::block_columns), 0.f);
                    std::vector<float> stored(earlier_sums.size(), 77.f);
                    const std::int64_t earlier_rows = shape * 10;
                    earlier.sums = earlier_sums.data();
                    earlier.columns = earlier.pitch = cpu::block_columns;
                    earlier.bias = bias.data();
                    earlier.add({0, earlier_rows, reinterpret_cast<std::byte*>(stored.data()), nullptr});
                    functions.multiply_split(product, earlier);
                    int wrong = 0;
                    for (std::size_t i = 0; i < stored.size(); ++i) wrong += stored[i] == (std::int64_t(i) < earlier_rows * cpu::block_columns ? earlier_sums[i] : 77.f) ? 0 : 1;
                    for (std::int64_t row = 0; row < cpu::block_rows; ++row) {
                        for (std::int64_t column = 0; column < cpu::block_columns; ++column) {
                            const std::size_t place = std::size_t(row * cpu::block_columns + column);
                            if (row >= product.rows && row < rows) continue;  // may be anything
                            if (row >= rows || column >= columns) {
                                wrong += sums[place] == before[place] ? 0 : 1;
                                continue;
                            }
                            double sum = adds ? double(before[place]) : 0, magnitudes = std::fabs(sum);
                            for (std::int64_t k = 0; k < depth; ++k) {
                                const double term = double(a[std::size_t(row * depth + k)]) * double(b[std::size_t(k * columns + column)]);
                                sum += term;
                                magnitudes += std::fabs(term);
                            }
                            wrong += std::fabs(double(sums[place]) - sum) <= 4e-7 * magnitudes ? 0 : 1;  // of float32 sums; five products instead of six are off by 2e-6
                        }
                    }
                    INFO("rows " << product.rows << " column tiles " << product.column_tiles << " adds " << adds << " steps " << steps);
                    CHECK(wrong == 0);
                }
            }
        }
        functions.end();
    }
}

TEST_CASE("cpu bf16x3 pointwise convolution: channels that do not fill tiles, pixels apart, residuals, more rows than a task's and fewer") {
    const struct {
        int in, out, stride;
        InputSize size;
    } cases[] = {{112, 140, 1, {1, 35, 39}}, {128, 190, 1, {3, 19, 21}}, {132, 129, 2, {2, 49, 45}}, {140, 200, 3, {1, 91, 92}}, {200, 64, 1, {1, 60, 70}}, {1100, 72, 1, {1, 16, 14}}};
    for (const auto& c : cases) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
            INFO("in " << c.in << " out " << c.out << " stride " << c.stride);
            check_split(graph_of(c.in, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", with_bias(conv(c.in, c.out, 1, c.stride), activation), image); }), c.size, 1);
        }
        check_split(graph_of(c.in, [&](const Scope& scope, ValueId image) {
            const ValueId other = record::pool2d(scope / "other", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, c.stride, 0}, image);
            const ValueId sum = record::add(scope / "add", record::conv2d(scope / "conv", with_bias(conv(c.in, c.in, 1, c.stride), Activation::none), image), other);
            return record::activate(scope / "relu", Activation::relu, sum);
        }), c.size, 1);
    }
}

TEST_CASE("cpu bf16x3 pointwise convolution: few rows, few channels and other windows are left alone") {
    const auto alone = [](const ops::Conv2d& op, const InputSize& size) { return split_steps(split_backend(), graph_of(op.in_channels, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", op, image); }), size); };
    CHECK(alone(conv(512, 512, 1), {1, 8, 12}) == 1);
    CHECK(alone(conv(512, 512, 1), {1, 5, 19}) == 0);
    CHECK(alone(conv(128, 128, 1), {1, 32, 32}) == 1);
    CHECK(alone(conv(128, 128, 1), {1, 32, 31}) == 0);
    CHECK(alone(conv(32, 512, 1), {1, 40, 40}) == 0);
    CHECK(alone(conv(64, 64, 1), {1, 40, 40}) == 0);
    CHECK(alone(conv(128, 128, 1, 1, 2), {1, 40, 40}) == 0);
    CHECK(alone(conv(128, 128, 5), {1, 40, 40}) == 0);
    CHECK(alone(with_bias(conv(128, 128, 1), Activation::sigmoid), {1, 40, 40}) == 0);
}

TEST_CASE("cpu bf16x3: a residual is made where it is added, from pixels apart, of other channels") {
    for (const int stride : {1, 2}) {
        check_split(graph_of(70, [&](const Scope& scope, ValueId image) {
            const ValueId inner = record::conv2d(scope / "inner", conv(70, 96, 1, stride), image);
            const ValueId shortcut = record::conv2d(scope / "shortcut", with_bias(conv(70, 272, 1, stride), Activation::none), image);
            return record::activate(scope / "relu", Activation::relu, record::add(scope / "add", record::conv2d(scope / "conv", with_bias(conv(96, 272, 1), Activation::none), inner), shortcut));
        }), {1, 64 * stride, 64 * stride}, stride == 1 ? 2 : 1);  // of stride 1 the convolutions of the picture are made together instead
    }
}

TEST_CASE("cpu bf16x3: convolutions of one map are made together, in bfloat16 too") {
    const Graph graph = graph_of(96, [](const Scope& scope, ValueId image) {
        const ValueId map = record::pool2d(scope / "map", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, 1, 0}, image);
        std::vector<ValueId> parts;
        for (const int channels : {37, 64, 5, 30}) parts.push_back(record::conv2d(scope / indexed("part", channels), with_bias(conv(96, channels, 1), channels == 64 ? Activation::relu : Activation::none), map));
        return record::concat(scope / "concat", parts);
    });
    const InputSize size{1, 56, 60};
    check_split(graph, size, 1);
    const auto steps = compile(bf16_backend(), graph, random_weights(graph), {.threads = 2}).steps(size);
    CHECK(std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.kernel.find("matrix product, 4 nodes") != std::string::npos; }) == 1);
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    CHECK(relative_difference(run_on(bf16_backend(), graph, weights, inputs)["y"], run_on(ReferenceBackend{}, graph, weights, inputs)["y"]) < 1e-2);  // factors and results are off by up to 2^-9 each
}

TEST_CASE("cpu bf16x3 linear: shallow, and so deep that sums are made in chunks; as many rows as there are") {
    for (const int rows : {96, 131, 300, 1240}) {
        check_split(graph_of(6, [](const Scope& scope, ValueId image) {
            const ValueId hidden = record::linear(scope / "fc1", ops::Linear{6 * 24 * 26, 97, true, Activation::relu}, image);  // 117 steps
            return record::linear(scope / "fc2", ops::Linear{97, 140, false, Activation::none}, hidden);
        }), {rows, 24, 26}, rows == 1240 ? 2 : 1);
    }
}

TEST_CASE("cpu bf16x3 linear: weights too large to be kept in parts are split while the panel before is multiplied") {
    const struct {
        int rows, in, out;  // the last panel of columns has one tile or two
    } cases[] = {{131, 6 * 24 * 26, 961}, {100, 6 * 24 * 16, 1600}, {300, 6 * 24 * 26, 950}};
    for (const auto& c : cases) {
        INFO("rows " << c.rows << " out " << c.out);
        const auto zero = [](auto...) { return 0.f; };
        CHECK(cpu::TileWeights::make(cpu::TileFactors::split, 1, c.out, {c.in}, zero, zero).is_late());
        check_split(graph_of(6, [&](const Scope& scope, ValueId image) { return record::linear(scope / "fc", ops::Linear{c.in, c.out, true, Activation::relu}, image); }), {c.rows, 24, c.in / 6 / 24}, 1);
    }
}

TEST_CASE("cpu bf16x3 transposed convolution: windows side by side, several that write into one wider map") {
    for (const int kernel : {2, 3}) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
            check_split(graph_of(66, [&](const Scope& scope, ValueId image) { return record::conv_transpose2d(scope / "up", side_by_side(66, 70, kernel, activation), image); }), {2, 22, 23}, 1);
        }
    }
    check_split(graph_of(64, [](const Scope& scope, ValueId image) {
        std::vector<ValueId> raised;
        for (const int stride : {1, 2, 4}) {
            const ValueId map = record::conv2d(scope / indexed("level", stride), conv(64, 80, 3, stride), image);
            raised.push_back(record::conv_transpose2d(scope / indexed("up", stride), side_by_side(80, 200 + stride, stride, Activation::relu), map));
        }
        return record::concat(scope / "concat", raised);
    }), {2, 28, 36}, 3, 2e-5);  // two layers, the first of which may be Winograd's
}

TEST_CASE("cpu bf16x3 pointwise convolution: a coarser map is added to it, enlarged, whatever its size") {
    // How many times smaller the other map is: also no smaller, and larger in neither direction nor a whole number of times.
    for (const InputSize& size : {InputSize{1, 40, 40}, InputSize{2, 37, 51}}) {
        for (const int factor : {1, 2, 3, 40}) {
            const Graph graph = graph_of(128, [&](const Scope& scope, ValueId image) {
                const ValueId coarse = record::pool2d(scope / "coarse", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, factor, 0}, image);
                return record::resize(scope / "sum", ops::Resize{ops::Resize::Mode::nearest, true}, coarse, record::conv2d(scope / "lateral", with_bias(conv(128, 128, 1), Activation::none), image));
            });
            const auto steps = compile(split_backend(), graph, random_weights(graph), {.threads = 2}).steps(size);
            CHECK(std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.node == "sum" && step.kernel.find("2 nodes") != std::string::npos; }) == 1);
            check_split(graph, size, 1);
        }
    }
}

TEST_CASE("cpu bf16x3 Winograd: both strides, groups, large maps and small ones that are many") {
    constexpr double limit = 3e-5;  // Winograd's own, see winograd_test.cpp
    const struct {
        int channels, groups, stride;
        InputSize size;
    } cases[] = {{64, 1, 1, {1, 127, 131}}, {116, 1, 1, {85, 14, 14}}, {116, 1, 1, {1, 50, 84}}, {116, 1, 1, {1, 99, 101}},
                 {160, 2, 1, {2, 96, 90}}, {96, 1, 2, {1, 70, 66}}, {176, 1, 2, {1, 70, 66}}, {256, 2, 2, {1, 66, 69}}};  // those of 116, 176 and 256 have weights in terms
    for (const auto& c : cases) {
        INFO("channels " << c.channels << " groups " << c.groups << " stride " << c.stride);
        const Graph graph = graph_of(c.channels, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", with_bias(conv(c.channels, c.channels, 3, c.stride, c.groups), Activation::relu), image); });
        CHECK(compile(split_backend(), graph, random_weights(graph), {.threads = 2}).steps(c.size).back().kernel.rfind("winograd", 0) == 0);
        check_split(graph, c.size, 1, limit);
    }
}

TEST_CASE("cpu bf16x3 Winograd: what reads its pixels where they are made, few channels or many") {
    for (const int channels : {15, 168}) {
        const Graph graph = graph_of(64, [&](const Scope& scope, ValueId image) {
            const ValueId map = record::conv2d(scope / "conv", with_bias(conv(64, 96, 3), Activation::relu), image);
            const ValueId scores = record::conv2d(scope / "scores", with_bias(conv(96, channels, 1), Activation::none), map), deltas = record::conv2d(scope / "deltas", with_bias(conv(96, 24, 1), Activation::relu), map);
            return record::concat(scope / "concat", {scores, deltas});
        });
        const auto steps = compile(split_backend(), graph, random_weights(graph), {.threads = 2}).steps({2, 100, 90});
        CHECK(std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.kernel.find("3 nodes") != std::string::npos; }) == 1);
        check_split(graph, {2, 100, 90}, 1, 5e-5);  // two layers
    }
}

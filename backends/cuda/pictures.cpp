#include <regulus/cuda/pictures.hpp>

#include <algorithm>
#include <cstring>

#include <regulus/cuda/commands.hpp>
#include <regulus/data/preprocess-impl.hpp>
#include <regulus/data/resize-impl.hpp>
#include <regulus/core/bilinear_tap.hpp>

namespace regulus::cuda {

namespace {

/// Arrays of four-byte numbers one after the other, as the kernels read them.
class Tables {
public:
    template <class T>
    std::size_t add(const std::vector<T>& values) {
        const std::size_t first = numbers_.size();
        for (const T value : values) numbers_.push_back(std::int32_t(value));
        return first;
    }
    std::size_t add(const data_detail::NormaliseTable& table) {
        const std::size_t first = numbers_.size();
        for (const auto& channel : table) {
            for (const float value : channel) numbers_.push_back(std::int32_t(bits_of(value)));
        }
        return first;
    }
    const std::vector<std::int32_t>& numbers() const { return numbers_; }

private:
    std::vector<std::int32_t> numbers_;
};

/// Where the four arrays of an axis' taps begin.
struct Axis {
    std::size_t first = 0, second = 0, third = 0, fourth = 0;
};

Axis add_opencv(Tables& tables, std::int64_t in, std::int64_t out, bool is_column) {
    const data_detail::LinearTaps taps = data_detail::opencv_taps(in, out, is_column);
    return {tables.add(taps.first), tables.add(taps.second), tables.add(taps.first_weight), tables.add(taps.second_weight)};
}

Axis add_pillow(Tables& tables, std::int64_t in, std::int64_t out, Interpolation interpolation) {
    const data_detail::FilterTaps taps = data_detail::pillow_taps(in, out, interpolation);
    return {tables.add(taps.first), tables.add(taps.count), tables.add(taps.offset), tables.add(taps.weights)};
}

Axis add_torch(Tables& tables, std::int64_t in, std::int64_t out) {
    std::vector<std::int64_t> first, second;
    std::vector<std::uint32_t> near, far;
    for (std::int64_t d = 0; d < out; ++d) {
        const auto tap = kernels::bilinear_tap<float>(d, in, out);
        first.push_back(tap.first);
        second.push_back(tap.second);
        near.push_back(bits_of(1.0f - tap.weight));
        far.push_back(bits_of(tap.weight));
    }
    return {tables.add(first), tables.add(second), tables.add(near), tables.add(far)};
}

struct PictureAxes {
    Axis rows, columns;
};

std::vector<std::int64_t> sizes_of(const PictureBatch& batch) {
    std::vector<std::int64_t> sizes;
    for (std::size_t i = 0; i < batch.pictures.size(); ++i) {
        const PictureSize from = batch.pictures[i].size, to = batch.resized[i];
        sizes.insert(sizes.end(), {from.height, from.width, to.height, to.width});
    }
    return sizes;
}

void check_bytes(std::int64_t height, std::int64_t width) {
    if (width != 0 && height >= (std::int64_t(1) << 31) / 3 / width) {
        throw BackendError("cuda: a picture of " + std::to_string(height) + " x " + std::to_string(width) + " pixels has 2^31 bytes or more; use smaller pictures");
    }
}

/// What the host writes once for pictures of these sizes.
struct Prepared {
    Tables tables;
    std::vector<PictureAxes> axes;
};

Prepared prepare(const PictureBatch& batch, const Preprocessing& how) {
    Prepared result;
    result.tables.add(data_detail::normalise_table(how));
    for (std::size_t i = 0; i < batch.pictures.size(); ++i) {
        const PictureSize from = batch.pictures[i].size, to = batch.resized[i];
        PictureAxes axes;
        if (!(from == to) && how.interpolation == Interpolation::torch_bilinear) {
            axes = {add_torch(result.tables, from.height, to.height), add_torch(result.tables, from.width, to.width)};
        } else if (!(from == to) && how.interpolation == Interpolation::opencv_bilinear) {
            axes = {add_opencv(result.tables, from.height, to.height, false), add_opencv(result.tables, from.width, to.width, true)};
        } else {
            if (from.height != to.height) axes.rows = add_pillow(result.tables, from.height, to.height, how.interpolation);
            if (from.width != to.width) axes.columns = add_pillow(result.tables, from.width, to.width, how.interpolation);
        }
        result.axes.push_back(axes);
    }
    return result;
}

/// The tables' place in memory, kept with the lane: when the next batch has the same sizes, neither tables nor their copy are made again.
struct Kept final : LaneTables {
    std::vector<std::int64_t> sizes;
    std::vector<PictureAxes> axes;
    std::size_t bytes = 0;
};

}  // namespace

void enqueue_pictures(const Device& device, Lane& lane, const PictureBatch& batch, const Preprocessing& how, Storage storage, DevicePointer dst) {
    std::int64_t wide = 0, resized = 0;
    for (std::size_t i = 0; i < batch.pictures.size(); ++i) {
        const PictureSize from = batch.pictures[i].size, to = batch.resized[i];
        check_bytes(from.height, from.width);
        check_bytes(from.height, to.width);
        check_bytes(to.height, to.width);
        wide = std::max(wide, from.height * to.width * 3);
        resized = std::max(resized, to.height * to.width * 3);
    }
    auto* kept = static_cast<Kept*>(lane.tables());
    std::vector<std::int64_t> sizes = sizes_of(batch);
    Prepared prepared;
    const bool fresh = kept == nullptr || kept->sizes != sizes;
    if (fresh) prepared = prepare(batch, how);
    const std::size_t table_bytes = fresh ? prepared.tables.numbers().size() * 4 : kept->bytes;

    Pieces pieces;
    pieces.take(std::int64_t(table_bytes), 1);
    std::vector<std::size_t> uploads;
    for (const SourcePicture& picture : batch.pictures) uploads.push_back(picture.on_device ? 0 : pieces.take(picture.size.height * picture.size.width * 3, 1));
    const std::size_t from_host = pieces.total(), wide_at = pieces.take(wide, 1), resized_at = pieces.take(resized, 1);
    const bool moved = lane.reserve_pictures(pieces.total(), from_host);
    const bool copies_tables = fresh || moved;  // tables went with the old memory
    std::unique_ptr<Kept> next;
    if (copies_tables) {
        if (!fresh) prepared = prepare(batch, how);
        lane.keep_tables(nullptr);
        next = std::make_unique<Kept>();
        next->sizes = std::move(sizes);
        next->axes = prepared.axes;
        next->bytes = table_bytes;
        kept = next.get();
        std::memcpy(lane.picture_staging(), prepared.tables.numbers().data(), table_bytes);
    }

    Queue queue(device, lane.stream());
    const DevicePointer base = lane.pictures();
    const auto begin = std::find_if(uploads.begin(), uploads.end(), [](std::size_t at) { return at != 0; });
    const std::size_t first_byte = copies_tables ? 0 : begin == uploads.end() ? from_host : *begin;
    for (std::size_t i = 0; i < uploads.size(); ++i) {
        const SourcePicture& picture = batch.pictures[i];
        const std::size_t row = std::size_t(picture.size.width) * 3;
        if (picture.on_device) {
            device.wait_for(lane.stream(), picture.stream);
        } else if (std::size_t(picture.pitch) == row) {
            std::memcpy(lane.picture_staging() + uploads[i], picture.pixels, row * std::size_t(picture.size.height));
        } else {
            for (std::int64_t y = 0; y < picture.size.height; ++y) {
                std::memcpy(lane.picture_staging() + uploads[i] + std::size_t(y) * row, static_cast<const std::byte*>(picture.pixels) + y * picture.pitch, row);
            }
        }
    }
    queue.to_device(base + first_byte, lane.picture_staging() + first_byte, from_host - first_byte);
    if (next) lane.keep_tables(std::move(next));

    const auto numbers = [&](std::size_t at) { return reinterpret_cast<const std::int32_t*>(base) + at; };
    for (std::size_t i = 0; i < batch.pictures.size(); ++i) {
        const SourcePicture& picture = batch.pictures[i];
        const PictureSize from = picture.size, to = batch.resized[i];
        const PictureAxes& axes = kept->axes[i];
        Pixels at{picture.on_device ? static_cast<const std::uint8_t*>(picture.pixels) : reinterpret_cast<const std::uint8_t*>(base + uploads[i]), picture.on_device ? picture.pitch : from.width * 3};
        const std::uint32_t height = std::uint32_t(to.height), width = std::uint32_t(to.width);
        std::uint8_t* const result = reinterpret_cast<std::uint8_t*>(base + resized_at);
        const auto* const table = reinterpret_cast<const float*>(base);
        const std::uint32_t map_height = std::uint32_t(batch.height), map_width = std::uint32_t(batch.width);
        const bool reversed = how.channel_order == ChannelOrder::bgr;
        const auto map = [&](auto tag) { return reinterpret_cast<decltype(tag)*>(dst) + std::int64_t(i) * batch.height * batch.width * 3; };
        if (!(from == to) && how.interpolation == Interpolation::torch_bilinear) {  // one step: the resized picture is not one of bytes
            const auto taps = [&](const Axis& axis) { return TapsTorch{numbers(axis.first), numbers(axis.second), table + axis.third, table + axis.fourth}; };
            with_storage(storage, [&](auto tag) { queue.each(SamplingPicture<decltype(tag)>{at, table, map(tag), taps(axes.rows), taps(axes.columns), height, width, map_height, map_width, reversed}); });
            continue;
        }
        if (!(from == to) && how.interpolation == Interpolation::opencv_bilinear) {
            const auto taps = [&](const Axis& axis) { return TapsOpencv{numbers(axis.first), numbers(axis.second), numbers(axis.third), numbers(axis.fourth)}; };
            queue.each(ResizingOpencv{at, result, taps(axes.rows), taps(axes.columns), height, width});
            at = {result, to.width * 3};
        } else {
            const auto taps = [&](const Axis& axis) { return TapsPillow{numbers(axis.first), numbers(axis.second), numbers(axis.third), numbers(axis.fourth)}; };
            if (from.width != to.width) {  // columns first, as in data/resize
                std::uint8_t* const between = reinterpret_cast<std::uint8_t*>(base + wide_at);
                queue.each(ResizingPillow{at, between, taps(axes.columns), std::uint32_t(from.height), width, true});
                at = {between, to.width * 3};
            }
            if (from.height != to.height) {
                queue.each(ResizingPillow{at, result, taps(axes.rows), height, width, false});
                at = {result, to.width * 3};
            }
        }
        with_storage(storage, [&](auto tag) { queue.each(NormalisingPicture<decltype(tag)>{at, table, map(tag), height, width, map_height, map_width, reversed}); });
    }
}

}  // namespace regulus::cuda

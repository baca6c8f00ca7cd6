// detectron2's files of proposals: what is read is made for a graph and holds only boxes with a width and a height, inside the picture.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/pipeline/proposal_file.hpp>
#include <regulus/pipeline/proposals.hpp>

#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    static fuzz::MemoryFile file;
    file.write(bytes, size);
    std::vector<ProposalList> lists;
    try {
        for (auto& [id, list] : read_proposals(file.path())) lists.push_back(std::move(list));
    } catch (const FileError&) {
        return 0;
    }
    constexpr int limit = 8;
    PreparedBatch batch;
    batch.image_info = Tensor::zeros(Shape{std::int64_t(lists.size()), 4});
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const float info[] = {40, 60, 0.5f, 2};
        std::copy(info, info + 4, batch.image_info.data<float>() + 4 * i);
    }
    try {
        const auto [boxes, counts] = prepare_proposals(lists, batch, limit);
        std::int64_t at = 0;
        for (std::size_t i = 0; i < lists.size(); ++i) {
            const std::int32_t count = counts.data<std::int32_t>()[i];
            if (count < 0 || count > limit) std::abort();
            for (std::int64_t last = at + count; at < last; ++at) {
                const float* const box = boxes.data<float>() + 4 * at;
                if (!(box[0] >= 0 && box[1] >= 0 && box[2] > box[0] && box[3] > box[1] && box[2] <= 60 && box[3] <= 40)) std::abort();
            }
        }
    } catch (const ArgumentError&) {  // boxes that are not finite
    }
    return 0;
}

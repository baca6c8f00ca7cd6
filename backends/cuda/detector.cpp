#include <regulus/cuda/detector.hpp>

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>

#include <regulus/converters/convert.hpp>
#include <regulus/cuda/executable.hpp>
#include <regulus/pipeline/context_pool.hpp>
#include <regulus/pipeline/panoptic_detector.hpp>

namespace regulus {

namespace {

/// A lane whose results were given to others. Their last work on them, on the default stream, may still be under way when the lane is used again: it waits.
struct GivenLane {
    explicit GivenLane(std::shared_ptr<const cuda::Compiled> own) : compiled(std::move(own)), lease(compiled) {}
    GivenLane(const GivenLane&) = delete;
    GivenLane& operator=(const GivenLane&) = delete;
    ~GivenLane() {
        if (!given) return;
        try {
            compiled->device->make_current();
            compiled->device->wait_for(lease->stream(), nullptr);
        } catch (const BackendError&) {  // the device is lost, and its results with it
        }
    }

    std::shared_ptr<const cuda::Compiled> compiled;
    cuda::LaneLease lease;
    bool given = false;
};

std::vector<cuda::SourcePicture> sources_of(std::span<const Image> images) {
    std::vector<cuda::SourcePicture> pictures;
    for (const Image& image : images) {
        check_image(image, "detector");
        pictures.push_back({image.pixels.data(), image.size(), image.width * 3, false, nullptr});
    }
    return pictures;
}

std::vector<cuda::SourcePicture> sources_of(std::span<const CudaPicture> images) {
    std::vector<cuda::SourcePicture> pictures;
    for (const CudaPicture& image : images) {
        const std::int64_t pitch = image.pitch == 0 ? image.size.width * 3 : image.pitch;
        if (pitch < image.size.width * 3) throw ArgumentError("detector: rows of " + std::to_string(image.size.width) + " pixels cannot be " + std::to_string(pitch) + " bytes apart");
        pictures.push_back({image.pixels, image.size, pitch, true, image.stream});
    }
    return pictures;
}

}  // namespace

struct CudaDetector::State {
    ModelFacts facts;
    bool in_original_pixels = false;
    bool has_segments = false;
    int given = 0;  // boxes that the model takes for each picture at most; 0: it proposes its own
    std::shared_ptr<const Executable> executable;
    std::size_t max_plans = 8;
    ContextPool contexts;

    struct Kept {
        InputSize size;
        std::shared_ptr<const cuda::CudaPlan> plan;
    };
    std::mutex mutex;
    std::list<Kept> plans;  // the last used first

    const std::shared_ptr<const cuda::Compiled>& compiled() const { return static_cast<const cuda::CudaExecutable&>(*executable).compiled(); }

    std::shared_ptr<const cuda::CudaPlan> plan_for(const InputSize& size) {
        const std::lock_guard lock(mutex);
        const auto found = std::find_if(plans.begin(), plans.end(), [&](const Kept& kept) { return kept.size == size; });
        if (found != plans.end()) {
            plans.splice(plans.begin(), plans, found);
            return plans.front().plan;
        }
        std::vector<ValueId> staying;  // what labels are made of is many times as large as they
        for (const auto& [name, value] : executable->graph().outputs) {
            if (name == "semantic_logits") staying.push_back(value);
        }
        auto plan = std::make_shared<const cuda::CudaPlan>(compiled(), size, staying);
        if (const std::string why = plan->pictures_refused(); !why.empty()) throw BackendError("cuda: " + executable->graph().name + " cannot be run from pictures: " + why);
        plans.push_front({size, plan});
        if (plans.size() > std::max<std::size_t>(max_plans, 1)) plans.pop_back();
        return plan;
    }

    /// The class of each pixel of the pictures whose run has just ended on this lane.
    std::vector<LabelMap> labels(const cuda::CudaPlan& plan, const cuda::LaneLease& lane, const PreparedBatch& prepared, std::int64_t height, std::int64_t width) const {
        const auto& outputs = executable->graph().outputs;
        const std::size_t which = std::size_t(std::find_if(outputs.begin(), outputs.end(), [](const auto& output) { return output.first == "semantic_logits"; }) - outputs.begin());
        const Shape& shape = plan.output_shape(which);
        const std::int64_t factor = height / shape[2];
        if (factor * shape[2] != height || factor * shape[3] != width || shape[1] > 256) throw ShapeError("panoptic: semantic logits " + to_string(shape) + " do not belong to a batch of " + std::to_string(height) + " x " + std::to_string(width) + " pixels");
        std::vector<LabelMap> maps;
        std::size_t pixels = 0;
        for (const PictureSize size : prepared.original_sizes) {
            if (size.height * size.width >= std::int64_t(1) << 31) throw BackendError("cuda: a picture of " + std::to_string(size.height) + " x " + std::to_string(size.width) + " pixels has 2^31 or more; use smaller pictures");
            maps.push_back({size.height, size.width, std::vector<std::uint8_t>(std::size_t(size.height * size.width))});
            pixels += maps.back().labels.size();
        }
        const cuda::DeviceMemory made(compiled()->device, pixels);
        cuda::Queue queue(*compiled()->device, lane->stream());
        cuda::DevicePointer to = made.address();
        for (std::size_t i = 0; i < maps.size(); ++i) {
            const auto* const logits = reinterpret_cast<const float*>(plan.output_address(*lane, which)) + std::int64_t(i) * shape[1] * shape[2] * shape[3];
            const PictureSize resized = prepared.resized_sizes[i];
            queue.each(cuda::LabellingPixels{logits, reinterpret_cast<std::uint8_t*>(to), std::uint32_t(shape[1]), std::uint32_t(shape[2]), std::uint32_t(shape[3]), std::uint32_t(factor), std::uint32_t(resized.height),
                                             std::uint32_t(resized.width), std::uint32_t(maps[i].height), std::uint32_t(maps[i].width)});
            queue.to_host(maps[i].labels.data(), to, maps[i].labels.size());
            to += maps[i].labels.size();
        }
        lane->synchronize();
        return maps;
    }

    /// `proposals` without data: none were given. With `semantic` it gets the labels of the pictures' pixels.
    CudaDetections run(const std::vector<cuda::SourcePicture>& pictures, std::span<const ProposalList> proposals, bool keeps, std::vector<LabelMap>* semantic = nullptr) {
        const std::string& name = executable->graph().name;
        if (given != 0 && proposals.data() == nullptr) throw ArgumentError("detector: " + name + " looks into given boxes; call it with a list of them for each picture");
        if (given == 0 && proposals.data() != nullptr) throw ArgumentError("detector: " + name + " proposes its own boxes; call it with pictures alone");
        const Preprocessing& how = facts.preprocessing;
        if (pictures.empty()) throw ShapeError("detector: needs one picture or more, got none");
        cuda::PictureBatch batch;
        batch.pictures = pictures;
        PreparedBatch prepared;
        const std::int64_t n = std::int64_t(pictures.size());
        prepared.image_info = Tensor({n, 4}, DType::f32);
        float* info = prepared.image_info.data<float>();
        for (const cuda::SourcePicture& picture : pictures) {
            const PictureSize size = picture.size;
            if (size.height < 1 || size.width < 1 || picture.pixels == nullptr) throw ShapeError("detector: a picture has no pixels");
            const PictureSize resized = resized_size(size, how);
            batch.resized.push_back(resized);
            batch.height = std::max(batch.height, resized.height);
            batch.width = std::max(batch.width, resized.width);
            prepared.original_sizes.push_back(size);
            prepared.resized_sizes.push_back(resized);
            const float row[4] = {float(resized.height), float(resized.width), float(resized.height) / float(size.height), float(resized.width) / float(size.width)};
            info = std::copy(row, row + 4, info);
        }
        const auto padded = [&](std::int64_t side) { return (side + how.pad_divisor - 1) / how.pad_divisor * how.pad_divisor; };
        batch.height = padded(batch.height);
        batch.width = padded(batch.width);
        if (batch.height > INT32_MAX || batch.width > INT32_MAX || n > INT32_MAX) throw ShapeError("detector: the pictures are too large");
        std::vector<Tensor> others{prepared.image_info};
        if (given != 0) {
            for (Tensor& tensor : prepare_proposals(proposals, prepared, given)) others.push_back(std::move(tensor));
        }
        const std::shared_ptr<const cuda::CudaPlan> plan = plan_for({int(n), int(batch.height), int(batch.width)});

        const ContextPool::Lease context(contexts);
        compiled()->device->make_current();
        PlanState* const state = (*context).state(plan);  // before the lane: it readies one, which is the next to be taken
        const auto lane = std::make_shared<GivenLane>(compiled());
        const std::vector<Tensor> results = plan->run_pictures(lane->lease, state, batch, how, others);
        Outputs outputs;
        CudaDetections found;
        for (std::size_t i = 0; i < results.size(); ++i) {
            const std::string& name = executable->graph().outputs[i].first;
            if (name != "semantic_logits") outputs.add(name, results[i]);
            if (!keeps) continue;
            lane->given = true;
            const bool stays = name == "semantic_logits";
            const dlpack::DataType type = stays || results[i].dtype() == DType::f32 ? dlpack::DataType{dlpack::floating, 32, 1} : dlpack::DataType{dlpack::signed_integer, 32, 1};
            found.tensors.emplace_back(name, CudaTensor(lane, reinterpret_cast<const void*>(plan->output_address(*lane->lease, i)), stays ? plan->output_shape(i) : results[i].shape(), type, compiled()->device->ordinal()));
        }
        found.lists = collect_detections(outputs, prepared, facts, in_original_pixels);
        if (semantic != nullptr) *semantic = labels(*plan, lane->lease, prepared, batch.height, batch.width);
        return found;
    }

    template <class Picture>
    CudaDetections run(std::span<const Picture> pictures, std::span<const ProposalList> proposals, bool keeps) {
        return run(sources_of(pictures), proposals, keeps);
    }

    template <class Picture>
    std::vector<PanopticResult> segments(std::span<const Picture> pictures) {
        if (!has_segments) throw ArgumentError("panoptic: " + executable->graph().name + " has no semantic head beside masks (outputs \"semantic_logits\" and \"masks\"); use a detector for it, or a Panoptic FPN");
        std::vector<LabelMap> semantic;
        CudaDetections found = run(sources_of(pictures), {}, false, &semantic);
        std::vector<PanopticResult> results;
        for (std::size_t i = 0; i < semantic.size(); ++i) results.push_back(combine_panoptic(std::move(found.lists[i]), semantic[i], facts));
        return results;
    }
};

CudaDetector::CudaDetector(const CudaBackend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const CompileOptions& options) : state_(std::make_shared<State>()) {
    state_->in_original_pixels = gives_original_pixels(graph);
    state_->given = proposal_limit(graph);
    state_->has_segments = gives_segments(graph);
    state_->facts = facts_from_metadata(weights.metadata, facts, weights.source);
    const Preprocessing& how = state_->facts.preprocessing;
    if (!(how.divisor > 0)) throw ArgumentError("detector: divisor must be > 0, got " + std::to_string(how.divisor));
    for (const float deviation : how.std) {
        if (!(deviation > 0)) throw ArgumentError("detector: each std must be > 0, got " + std::to_string(deviation));
    }
    if (how.pad_divisor < 1) throw ArgumentError("detector: pad_divisor must be >= 1, got " + std::to_string(how.pad_divisor));
    state_->max_plans = options.max_plans;
    try {
        state_->executable = backend.compile(graph, to_regulus(weights, graph), options);
    } catch (const WeightError& error) {
        throw WeightError(with_foreign_names(error.what(), weights, graph));
    }
}

DetectionList CudaDetector::operator()(const Image& image) const { return std::move(state_->run(std::span<const Image>(&image, 1), {}, false).lists.front()); }
std::vector<DetectionList> CudaDetector::operator()(std::span<const Image> images) const { return state_->run(images, {}, false).lists; }
std::vector<DetectionList> CudaDetector::operator()(std::span<const CudaPicture> pictures) const { return state_->run(pictures, {}, false).lists; }
DetectionList CudaDetector::operator()(const Image& image, const ProposalList& proposals) const {
    return std::move(state_->run(std::span<const Image>(&image, 1), std::span<const ProposalList>(&proposals, 1), false).lists.front());
}
std::vector<DetectionList> CudaDetector::operator()(std::span<const Image> images, std::span<const ProposalList> proposals) const { return state_->run(images, proposals, false).lists; }
std::vector<DetectionList> CudaDetector::operator()(std::span<const CudaPicture> pictures, std::span<const ProposalList> proposals) const { return state_->run(pictures, proposals, false).lists; }
CudaDetections CudaDetector::on_device(std::span<const Image> images) const { return state_->run(images, {}, true); }
CudaDetections CudaDetector::on_device(std::span<const CudaPicture> pictures) const { return state_->run(pictures, {}, true); }
CudaDetections CudaDetector::on_device(std::span<const CudaPicture> pictures, std::span<const ProposalList> proposals) const { return state_->run(pictures, proposals, true); }
PanopticResult CudaDetector::segments(const Image& image) const { return std::move(state_->segments(std::span<const Image>(&image, 1)).front()); }
std::vector<PanopticResult> CudaDetector::segments(std::span<const Image> images) const { return state_->segments(images); }
std::vector<PanopticResult> CudaDetector::segments(std::span<const CudaPicture> pictures) const { return state_->segments(pictures); }
const ModelFacts& CudaDetector::facts() const { return state_->facts; }

CudaTensor CudaDetector::masks(const DetectionList& list) const {
    const std::shared_ptr<const cuda::Compiled>& compiled = state_->compiled();
    const cuda::Device& device = *compiled->device;
    const std::size_t rows = list.size(), height = std::size_t(list.picture.height), width = std::size_t(list.picture.width), side = rows == 0 ? 0 : std::size_t(std::max(0, list[0].mask_side));
    if (list.picture.height < 0 || list.picture.width < 0 || (rows != 0 && height != 0 && width >= (std::size_t(1) << 32) / height / rows)) {
        throw BackendError("cuda: " + std::to_string(rows) + " masks of " + std::to_string(height) + " x " + std::to_string(width) + " pixels have 2^32 pixels or more; use fewer or smaller ones");
    }
    std::vector<float> numbers;
    for (const Detection& one : list) {
        if (!one.has_mask() || std::size_t(one.mask_side) != side || one.mask_probabilities.size() != side * side || one.mask_threshold != list[0].mask_threshold || one.paste_rule != list[0].paste_rule) {
            throw ArgumentError("detector: every object needs a mask of the same side, threshold and rule to be pasted");
        }
        numbers.insert(numbers.end(), one.mask_probabilities.begin(), one.mask_probabilities.end());
    }
    for (const Detection& one : list) numbers.insert(numbers.end(), one.box.begin(), one.box.end());
    device.make_current();
    const auto pasted = std::make_shared<const cuda::DeviceMemory>(compiled->device, rows * height * width);
    const Shape shape{std::int64_t(rows), list.picture.height, list.picture.width};
    const CudaTensor result(pasted, reinterpret_cast<const void*>(pasted->address()), shape, {dlpack::unsigned_integer, 8, 1}, device.ordinal());
    if (rows * height * width == 0) return result;
    const cuda::DeviceMemory given(compiled->device, numbers.size() * sizeof(float));
    const cuda::LaneLease lane(compiled);
    device.upload(given.address(), numbers.data(), numbers.size() * sizeof(float));
    cuda::Queue queue(device, lane->stream());
    const auto* const maps = reinterpret_cast<const float*>(given.address());
    queue.each(cuda::PastingMasks{maps, maps + rows * side * side, reinterpret_cast<std::uint8_t*>(pasted->address()), std::uint32_t(rows), std::uint32_t(height), std::uint32_t(width), std::int32_t(side),
                                  list[0].mask_threshold, list[0].paste_rule == PasteRule::torchvision});
    lane->synchronize();
    return result;
}

}  // namespace regulus

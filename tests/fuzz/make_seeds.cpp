// Writes the seeds of the fuzz targets: make_seeds FOLDER makes FOLDER/{zip,pickle,legacy,numpy,npz,safetensors,json,facts,names,proposals}/*. They say what valid
// files look like; what fuzzing found beyond them is in corpus/.
#include <filesystem>
#include <fstream>
#include <string>

#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "../weights/pickle_assembler.hpp"

using namespace regulus;
using namespace regulus::testing;

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::filesystem::path folder = argv[1];
    int count = 0;
    const auto put = [&](const char* target, const std::string& bytes) {
        std::filesystem::create_directories(folder / target);
        std::ofstream(folder / target / std::to_string(count++), std::ios::binary) << bytes;
    };
    const std::string six = floats({0, 1, 2, 3, 4, 5});
    const std::string array = ndarray("f4", "<", {2, 3}, six), big = ndarray("f4", ">", {2, 3}, six, true);
    const std::string good = dict({{"a", good_a()}, {"b", good_b()}});

    Weights weights;
    weights.metadata = {{"classes", "[\"a\"]"}};
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::boolean, DType::i64}) weights.add(name_of(dtype), Tensor::zeros(Shape{2, 2}, dtype));
    const TemporaryFile written;
    for (const TorchContent content : {TorchContent::bare, TorchContent::with_meta}) {
        write_torch(written.path(), weights, content);
        put("zip", written.bytes());
    }
    put("zip", torch_zip(good));
    put("zip", "C" + torch_zip(good));
    const std::string python2 = call("collections", "OrderedDict", {"](" + ("](" + text("a") + good_a() + "e") + "e"});
    for (const std::string& body : {good, python2, dict({{"state_dict", good}, {"meta", dict({{"CLASSES", tuple({text("x"), text("y")})}, {"t", "G\x3F\xF0\0\0\0\0\0\0"s}})}}), array, dict({{"model", dict({{"a", array}, {"b", big}})}}),
                                    call("torch._utils", "_rebuild_parameter", {good_a(), "\x88", call("collections", "OrderedDict", {})}), dict({{"a", tensor(storage("0", 6), 1, {2, 2}, {0, 2})}}),
                                    dict({{"h", global("my", "Class") + ")\x81}b"}, {"a", good_a()}, {"c", call("_codecs", "encode", {text("\xC3\xBF"), text("latin1")})}}),
                                    dict({{"a", call("numpy.core.numeric", "_frombuffer", {"\x96"s + little<std::uint64_t>(24) + six, global("numpy", "dtype") + tuple({text("f4"), "\x89", "\x88"}) + "R", tuple_of({2, 3}), text("F")})}}),
                                    std::string("ccollections\nOrderedDict\nq\0)Rq\1(h\1u0](K\1K\2eM\1\2\x85\x86\x94", 50)}) {
        put("pickle", "Z" + program(body));
        put("pickle", program(body));
    }
    put("pickle", "(dp0\nS'a'\np1\nI5\nsV\\u0041\nL12L\ns.");
    const std::string view = tuple({text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), integer(6), "N"}) + "Q";
    for (const std::string& begin : {"L"s, legacy_preamble()}) {
        put("legacy", begin + program(dict({{"a", tensor(view, 0, {2, 3}, {1, 2})}})) + program("](" + text("0") + "e") + little<std::uint64_t>(6) + six);
        put("legacy", begin + program(dict({{"model_state", dict({{"a", tensor(view, 3, {3}, {1})}, {"n", tensor(view, 0, {}, {})}})}})) + program(tuple({text("0")})) + little<std::uint64_t>(6) + six);
    }

    write_safetensors(written.path(), weights);
    put("safetensors", "\xFF" + written.bytes());
    put("safetensors", "\x18"s + R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[4,2],"data_offsets":[8,24]}})");
    put("safetensors", "\x08"s + R"({"__metadata__":{"k":"\u00e9"},"a":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}})");

    const std::string simple = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", six);
    for (const char* const header : {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "{'descr': '>f2', 'fortran_order': True, 'shape': (3, 4L,), }", "{'shape': (), 'descr': '|u1'}"}) put("numpy", std::string("H") + header);
    put("numpy", simple);
    put("numpy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", six));
    put("npz", "Z" + npy("{'descr': '>f2', 'fortran_order': True, 'shape': (3, 2,), }", six.substr(12)));
    put("npz", zip({{"a.npy", simple}, {"b.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", "\1")}}));
    put("npz", "D\x05\0\x01\x05\0\xFA\xFFhello"s);                                          // stored block
    put("npz", "D\x0C\0\x4B\x4C\x4A\x4E\x49\x4D\x4B\x04\x52\x20\x06\x00"s);                  // fixed codes
    put("npz", "D\x10\0\x05\xC0\x81\x08\0\0\0\0\x20\x7F\xEB\x03"s);                          // dynamic codes

    const std::string common = R"("channel_order": "rgb", "mean": [0.485, 1e-3, 3], "std": [0.229, 1, 2.5])";
    put("facts", R"({"resize_rule": "mmdet_keep_ratio", "long_side": 1333, "short_side": 800, "interpolation": "opencv_bilinear", "pad_divisor": 32, )" + common + "}" + "\0[\"a\", \"\\u00e9\"]\0[1, -2]"s);
    put("facts", R"({"resize": "pillow_bicubic", "short_side": 256, "crop": 224, "divisor": 255, "exif": "ignored", )" + common + "}" + "\0\0\0[\"cat\",\"dog\"]"s);

    put("names", "0Iclassifier.weight\n3s1.b1.f.a.weight\n3s1.b1.proj.weight\n3s1.b1.bn.running_var\n3head.fc.bias\nx\n3s1.b2.f.se.f_ex.0.bias\n");
    put("names", "1:backbone.layer1.0.conv2_offset.bias\n3roi_head.bbox_head.0.fc_cls.bias\n3bbox_head.fc_cls.bias\n6bbox_head.fc_reg.bias\n3neck.lateral_convs.3.conv.bias\n");
    put("names", "1:backbone.bottom_up.res5.2.conv3.norm.weight\n3sem_seg_head.p5.4.norm.bias\n3roi_heads.keypoint_head.conv_fcn8.weight\n3backbone.fpn_lateral4.norm.bias\n");
    put("names", "2:retnet_cls_pred_fpn3_b\n4res2_0_branch2a_bn_s\n4fpn_inner_res4_22_sum_lateral_b\n4cls_score_b\n6_[mask]_fcn4_w\n4mask_fcn_logits_b\n6bbox_pred_w\n");
    put("names", "0:trunk_output.block3.block3-6.f.b.1.weight\n4layer4.2.downsample.1.bias\n4s4.b1.downsample.conv.weight\n3roi_heads.box_predictor.cls_score.bias\n");

    const auto list = [](const std::string& items) { return "](" + items + "e"; };
    const std::string boxes = ndarray("f4", "<", {2, 4}, floats({1, 2, 30, 40, 5, 6, 7, 8})), scores = ndarray("f4", "<", {2}, floats({0.5f, 2}));
    put("proposals", program(dict({{"ids", list(integer(42))}, {"boxes", list(boxes)}, {"objectness_logits", list(scores)}, {"bbox_mode", integer(0)}})));
    put("proposals", program(dict({{"indexes", list(text("42") + integer(-1))}, {"boxes", list(boxes + boxes)}, {"scores", list(scores + scores)}, {"bbox_mode", integer(1)}})));
    put("proposals", program(dict({{"ids", list("")}, {"boxes", list("")}, {"objectness_logits", list("")}})));

    put("json", R"({"a":[1,-2.5e3,true,false,null],"b":{"c":"\u00e9\ud83d\ude00\n"}})");
    put("json", "[0.1,1e-300,123456789012345678901234567890]");
    return 0;
}

// Runs a program and compares each map with the integer model's, word by word, as soon as its instruction is done, then
// each detection, where there is a head.
//
// One build serves all networks whose program fits the engine's configuration: everything else comes from the files of
// the folder +mem. Options:
//   +mem=DIR      folder of the program's memories and vectors (default "mem")
//   +vectors=DIR  folder of the vectors (default "tb/vectors")
//   +stall=P      per cent of cycles in which memory and streams, each for itself, make the engine wait (default 0)
//   +receiver=P   per cent of cycles in which who takes the detections does (default that of +stall)
//   +seed=N       of these
//   +images=N     how often the image is run, one time behind the other (default 1)
//   +limit=N      most cycles of one; 0 for any number (default)
//   +dump=FILE    writes the words of the maps in which the results lie (heads.txt) to a file, at the end
//   +check=0      compares no map, so that a new image needs no vectors but its own words and its detections
//   +trace=1      a line for each instruction: cycles and use of the array
// Prints PASS, or FAIL with the first difference: instruction, channel, y, x, expected, got; or detection, field,
// expected, got.
module dq_testbench;
  import dq_config::*;

  localparam int WORD = ICP * 8;
  localparam int ROW = LANES * (ACCUMULATOR + MULTIPLIER + 6);
  // Cycles without a read, a write or a word of a stream; longer for the head, which sorts its candidates meanwhile.
  localparam int PATIENCE = 5000, HEAD_PATIENCE = PATIENCE + 64 * HEAD_PLACES;
  localparam int LOG_QUEUE = 6;

  logic clk = 0, rst = 1, start = 0;
  always #5 clk = !clk;

  logic busy, finished, retired, multiplies;
  logic desc_valid, desc_ready, weight_valid, weight_ready, param_valid, param_ready, table_valid, table_ready;
  logic head_valid, head_ready;
  logic [31:0] desc_word, head_word;
  logic [OCP*ICP*WEIGHT-1:0] weight_word;
  logic [ROW-1:0] param_word;
  logic [7:0] table_word;
  logic ask_valid, ask_ready, read_valid, read_ready, write_valid, write_ready;
  logic [ADDRESS-1:0] ask_address, write_address;
  logic [ICP-1:0] write_strobe;
  logic [WORD-1:0] read_data, write_data;
  logic found_valid, found_ready, found_end;
  logic [127:0] found_word;
  logic [31:0] found_left_out;

  dq_detector #(
      .ICP(ICP),
      .OCP(OCP),
      .LANES(LANES),
      .WEIGHT(WEIGHT),
      .ACCUMULATOR(ACCUMULATOR),
      .MULTIPLIER(MULTIPLIER),
      .LOG_ENTRIES(LOG_ENTRIES),
      .ADDRESS(ADDRESS),
      .LOG_TILES(LOG_TILES),
      .SEGMENTS(SEGMENTS),
      .HEAD(HEAD),
      .HEAD_LEVELS(HEAD_LEVELS),
      .HEAD_BINS(HEAD_BINS),
      .HEAD_PLACES(HEAD_PLACES),
      .HEAD_KEPT(HEAD_KEPT),
      .HEAD_SIZE(HEAD_SIZE),
      .HEAD_CLASS(HEAD_CLASS)
  ) detector (
      .*
  );

  // ---- options and files
  string folder, vectors, dump;
  int stall, receiver, seed, trace, limit, images, check;
  int desc_file, weight_file, param_file, table_file, head_file, checks_file, expected_file;
  int tables;

  function automatic int opened(input string path);
    opened = $fopen(path, "r");
    if (opened == 0) begin
      $display("FAIL the file %0s cannot be read", path);
      $finish;
    end
  endfunction

  // ---- memory of maps
  logic [WORD-1:0] maps[0:(1<<ADDRESS)-1];

  task automatic load_images;
    int file, count, base, words, read;
    logic [WORD-1:0] word;
    file  = opened($sformatf("%0s/image.mem", vectors));
    count = opened($sformatf("%0s/images.txt", vectors));
    while ($fscanf(count, "%d %d", base, words) == 2) begin
      for (int k = 0; k < words; k++) begin
        read = $fscanf(file, "%h", word);
        if (read != 1) $display("FAIL image.mem ends early");
        maps[base+k] = word;
      end
    end
    $fclose(file);
    $fclose(count);
  endtask

  task automatic dump_results;
    int file, list, base, words;
    file = $fopen(dump, "w");
    list = opened($sformatf("%0s/heads.txt", vectors));
    if (file == 0) $display("FAIL the file %0s cannot be written", dump);
    while (file != 0 && $fscanf(list, "%d %d", base, words) == 2) begin
      for (int k = 0; k < words; k++) $fdisplay(file, "%h", maps[base+k]);
    end
    if (file != 0) $fclose(file);
    $fclose(list);
  endtask

  // What no instruction has written must not matter: it is anything but zero.
  task automatic spoil;
    for (int k = 0; k < (1 << ADDRESS); k++) maps[k] = {ICP{8'(k * 37 + 101)}};
  endtask

  // ---- waiting: each channel has a generator of its own (xorshift)
  logic [31:0] noise[0:8];
  logic [8:0] waits;
  always_ff @(posedge clk) begin
    if (stall == 0 && receiver == 0) begin
      waits <= '0;
    end else begin
      for (int k = 0; k < 9; k++) begin
        noise[k] <= rst ? 32'(seed * 7 + k + 1) * 32'd2654435761 | 32'd1 : shuffled(noise[k]);
        waits[k] <= !rst && noise[k][30:0] % 100 < 31'(k == 8 ? receiver : stall);
      end
    end
  end
  function automatic logic [31:0] shuffled(input logic [31:0] word);
    shuffled = word ^ (word << 13);
    shuffled = shuffled ^ (shuffled >> 17);
    shuffled = shuffled ^ (shuffled << 5);
  endfunction

  // ---- streams: from their files, a word at a time
  // Each file is looked at before it is read from: Verilator 5.006 takes $fscanf for what sets the variable of its file,
  // and makes one of each process of its own.
  int desc_read, weight_read, param_read, table_read, head_read;
  logic [31:0] desc_next, head_next;
  logic [OCP*ICP*WEIGHT-1:0] weight_next;
  logic [ROW-1:0] param_next;
  logic [7:0] table_next;

  always @(posedge clk) begin
    if (rst) begin
      {desc_valid, weight_valid, param_valid, table_valid, head_valid} <= '0;
    end else begin
      if (!desc_valid || desc_ready) begin
        desc_read = 0;
        if (!waits[0] && desc_file != 0) desc_read = $fscanf(desc_file, "%h", desc_next);
        desc_valid <= desc_read == 1;
        desc_word  <= desc_next;
      end
      if (!weight_valid || weight_ready) begin
        weight_read = 0;
        if (!waits[1] && weight_file != 0) weight_read = $fscanf(weight_file, "%h", weight_next);
        weight_valid <= weight_read == 1;
        weight_word  <= weight_next;
      end
      if (!param_valid || param_ready) begin
        param_read = 0;
        if (!waits[2] && param_file != 0) param_read = $fscanf(param_file, "%h", param_next);
        param_valid <= param_read == 1;
        param_word  <= param_next;
      end
      if (!table_valid || table_ready) begin
        table_read = 0;
        if (!waits[3]) begin
          if (table_file != 0) table_read = $fscanf(table_file, "%h", table_next);
          if (table_read != 1) begin  // on to the next table, if there is one more
            if (table_file != 0) $fclose(table_file);
            table_file = $fopen($sformatf("%0s/lut_%0d.mem", folder, tables), "r");
            tables = tables + 1;
            if (table_file != 0) table_read = $fscanf(table_file, "%h", table_next);
          end
        end
        table_valid <= table_read == 1;
        table_word  <= table_next;
      end
      if (!head_valid || head_ready) begin
        head_read = 0;
        if (!waits[7] && head_file != 0) head_read = $fscanf(head_file, "%h", head_next);
        head_valid <= head_read == 1;
        head_word  <= head_next;
      end
    end
  end

  // ---- the memory's ports: reads come back in order, after two cycles or later
  logic [WORD-1:0] queue[0:(1<<LOG_QUEUE)-1];
  logic [LOG_QUEUE-1:0] asked, answered;
  assign ask_ready   = !waits[4] && asked + 1'b1 != answered;
  assign write_ready = !waits[5];
  always @(posedge clk) begin
    if (rst) begin
      asked <= '0;
      answered <= '0;
      read_valid <= 1'b0;
    end else begin
      if (ask_valid && ask_ready) begin
        queue[asked] <= maps[ask_address];
        asked <= asked + 1'b1;
      end
      if (!read_valid || read_ready) begin
        read_valid <= answered != asked && !waits[6];
        read_data  <= queue[answered];
        if (answered != asked && !waits[6]) answered <= answered + 1'b1;
      end
      if (write_valid && write_ready) begin
        for (int lane = 0; lane < ICP; lane++) begin
          if (write_strobe[lane]) maps[write_address][8*lane+:8] <= write_data[8*lane+:8];
        end
      end
    end
  end

  // ---- what each instruction must have written
  longint cycles, begun, worked, all_macs;
  int instruction, still;
  logic failed = 0;
  logic [8*128-1:0] name;

  task automatic compare;
    int base, groups, height, width, channel, read;
    int channels[0:ICP-1];
    longint macs;
    logic [WORD-1:0] expected, got;
    read = 0;
    if (checks_file != 0 && expected_file != 0) begin
      read = $fscanf(checks_file, "%s %d %d %d %d %d", name, base, groups, height, width, macs);
    end
    if (read != 6) begin
      $display("FAIL checks.txt has no line for instruction %0d", instruction);
      $finish;
    end
    for (int group = 0; group < groups; group++) begin
      for (int lane = 0; lane < ICP; lane++) begin
        read = $fscanf(checks_file, "%d", channel);
        channels[lane] = channel;
      end
      for (int place = 0; place < height * width; place++) begin
        read = $fscanf(expected_file, "%h", expected);
        if (read != 1) begin
          $display("FAIL expected.mem ends at instruction %0d %0s", instruction, name);
          $finish;
        end
        got = maps[base+group*height*width+place];
        for (int lane = 0; lane < ICP; lane++) begin
          if (!failed && channels[lane] >= 0 && got[8*lane+:8] !== expected[8*lane+:8]) begin
            $display("FAIL instruction %0d %0s channel %0d y %0d x %0d expected %0d got %0d", instruction, name,
                     channels[lane], place / width, place % width, $signed(expected[8*lane+:8]), $signed(
                     got[8*lane+:8]));
            $finish;
            failed = 1;
          end
        end
      end
    end
    if (trace != 0) begin
      $display("%0d %0s: %0d cycles, %0.1f %% of the array", instruction, name, cycles - begun,
               100.0 * real'(macs) / (real'(cycles - begun) * ICP * OCP));
    end
    all_macs = all_macs + macs;
    begun = cycles;
    instruction = instruction + 1;
  endtask

  // ---- what the head must have found
  longint program_cycles;
  int images_done, detections;
  logic found_expected, found_ended, found_failed;
  assign found_ready = !waits[8];
  dq_found_check found_check (
      .*
  );

  initial begin
    if (!$value$plusargs("mem=%s", folder)) folder = "mem";
    if (!$value$plusargs("vectors=%s", vectors)) vectors = "tb/vectors";
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("receiver=%d", receiver)) receiver = stall;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    if (!$value$plusargs("trace=%d", trace)) trace = 0;
    if (!$value$plusargs("limit=%d", limit)) limit = 0;
    if (!$value$plusargs("images=%d", images)) images = 1;
    if (!$value$plusargs("check=%d", check)) check = 1;
    if (!$value$plusargs("dump=%s", dump)) dump = "";
    spoil();
    for (int image = 0; image < images; image++) begin
      load_images();
      open_all();
      repeat (4) @(negedge clk);
      rst = 1'b0;
      @(negedge clk) start = 1'b1;
      @(negedge clk) start = 1'b0;
      while (images_done == image) @(negedge clk);
      close_all();
    end
  end

  task automatic open_all;
    head_file = 0;
    if (HEAD != 0) head_file = opened($sformatf("%0s/head.mem", folder));
    desc_file = opened($sformatf("%0s/desc.mem", folder));
    weight_file = opened($sformatf("%0s/weights_b%0d.mem", folder, WEIGHT));
    param_file = opened($sformatf("%0s/params.mem", folder));
    if (check != 0) begin
      checks_file = opened($sformatf("%0s/checks.txt", vectors));
      expected_file = opened($sformatf("%0s/expected.mem", vectors));
    end
    table_file = 0;
    tables = 0;
    instruction = 0;
    all_macs = 0;
  endtask

  task automatic close_all;
    if (HEAD != 0) $fclose(head_file);
    $fclose(desc_file);
    $fclose(weight_file);
    $fclose(param_file);
    if (check != 0) begin
      $fclose(checks_file);
      $fclose(expected_file);
    end
  endtask

  always @(posedge clk) begin
    if (rst) images_done = 0;
    if (rst || start) begin
      cycles = rst ? 0 : 2;  // counted from two cycles before the start, where the reset of the first image ends
      program_cycles = 0;
      begun = 0;
      worked = 0;
      still = 0;
    end else begin
      cycles = cycles + 1;
      if (multiplies) worked = worked + 1;
      still = ask_valid && ask_ready || write_valid && write_ready || multiplies || desc_valid && desc_ready ||
              table_valid && table_ready || found_valid && found_ready ? 0 : still + 1;
      if (retired && check != 0) compare();
      if (detector.program_end) begin
        program_cycles = cycles;
        $display("%0d instructions, %0d cycles, %0.2f %% of the array used, at work in %0.2f %% of cycles",
                 instruction, cycles, 100.0 * real'(all_macs) / (real'(cycles) * ICP * OCP),
                 100.0 * real'(worked) / real'(cycles));
      end
      if (finished) begin
        if (found_ended) begin
          $display("head: %0d cycles, %0d detections, %0d candidates left out", cycles - program_cycles, detections,
                   found_left_out);
        end
        images_done = images_done + 1;
        if (dump != "") dump_results();
        if (found_expected && !found_ended) begin
          $display("FAIL the head gives no end of its detections");
          $finish;
        end else if (!failed && !found_failed && images_done == images) begin
          $display("PASS");
          $finish;
        end
      end
      if (limit != 0 && cycles > longint'(limit)) begin
        $display("FAIL the program has not ended after %0d cycles, in instruction %0d", cycles, instruction);
        $finish;
      end
      if (still > (HEAD != 0 && program_cycles != 0 ? HEAD_PATIENCE : PATIENCE)) begin
        $display("FAIL %0s stands still in instruction %0d; valid and ready of %s",
                 program_cycles != 0 ? "the head" : "the engine", instruction, $sformatf(
                 "descriptors %b%b weights %b%b parameters %b%b tables %b%b head %b%b reads %b%b answers %b%b writes %b%b",
                 desc_valid, desc_ready, weight_valid, weight_ready, param_valid, param_ready, table_valid,
                 table_ready, head_valid, head_ready, ask_valid, ask_ready, read_valid, read_ready, write_valid,
                 write_ready));
        $finish;
      end
    end
  end
endmodule

// Drives dq_axi as a driver would, through its registers, and compares each map and each detection in memory.
//
// The streams lie in memory as the `.bin` files have them; registers get what sw/setup.txt says, and addresses. Options:
//   +mem=DIR      folder of the program's memories (default "mem")
//   +vectors=DIR  folder of the vectors (default "tb/vectors")
//   +sw=DIR       folder of setup.txt and built.txt (default "sw")
//   +stall=P      per cent of cycles in which each channel of each bus waits (default 0)
//   +seed=N       of these
//   +runs=N       images, one after the other, the same one each time (default 1)
//   +image=host   the image is written to memory; else it comes on the stream of pixels, where there are vectors for it
//   +faults=1     first all that can go wrong, one after the other, with a soft reset behind each
//   +limit=N      most cycles of a run (default 100 million)
// Prints PASS, or FAIL with the first difference.
module dq_axi_testbench;
  import dq_config::*;
  import dq_addresses::*;

  parameter int BUS = 64;
  parameter int LOG_BURST = 4;
  parameter int LOG_MEMORY = ADDRESS + $clog2(ICP) + 2 > 20 ? ADDRESS + $clog2(ICP) + 2 : 20;
  localparam int AXI_ADDRESS = 40;
  localparam logic [63:0] ORIGIN = 64'h12_c000_0000;  // of memory
  localparam int WORD = ICP * 8;

  logic clk = 0, rst = 1;
  always #5 clk = !clk;

  // ---- the wrapper and its buses
  logic irq;
  logic [11:0] s_axi_awaddr, s_axi_araddr;
  logic [31:0] s_axi_wdata, s_axi_rdata;
  logic [3:0] s_axi_wstrb;
  logic s_axi_awvalid = 0, s_axi_awready, s_axi_wvalid = 0, s_axi_wready, s_axi_bvalid, s_axi_bready = 0;
  logic s_axi_arvalid = 0, s_axi_arready, s_axi_rvalid, s_axi_rready = 0;
  logic [1:0] s_axi_bresp, s_axi_rresp;

  logic [AXI_ADDRESS-1:0] m_axi_data_araddr, m_axi_data_awaddr, m_axi_maps_araddr, m_axi_maps_awaddr;
  logic [7:0] m_axi_data_arlen, m_axi_data_awlen, m_axi_maps_arlen, m_axi_maps_awlen;
  logic [2:0] m_axi_data_arsize, m_axi_data_awsize, m_axi_maps_arsize, m_axi_maps_awsize;
  logic [1:0] m_axi_data_arburst, m_axi_data_awburst, m_axi_maps_arburst, m_axi_maps_awburst;
  logic m_axi_data_arvalid, m_axi_data_arready, m_axi_data_rlast, m_axi_data_rvalid, m_axi_data_rready;
  logic m_axi_data_awvalid, m_axi_data_awready, m_axi_data_wlast, m_axi_data_wvalid, m_axi_data_wready;
  logic m_axi_data_bvalid, m_axi_data_bready;
  logic m_axi_maps_arvalid, m_axi_maps_arready, m_axi_maps_rlast, m_axi_maps_rvalid, m_axi_maps_rready;
  logic m_axi_maps_awvalid, m_axi_maps_awready, m_axi_maps_wlast, m_axi_maps_wvalid, m_axi_maps_wready;
  logic m_axi_maps_bvalid, m_axi_maps_bready;
  logic [1:0] m_axi_data_rresp, m_axi_data_bresp, m_axi_maps_rresp, m_axi_maps_bresp;
  logic [BUS-1:0] m_axi_data_rdata, m_axi_data_wdata;
  logic [BUS/8-1:0] m_axi_data_wstrb;
  logic [WORD-1:0] m_axi_maps_rdata, m_axi_maps_wdata;
  logic [ICP-1:0] m_axi_maps_wstrb;

  logic [23:0] s_axis_image_tdata;
  logic s_axis_image_tuser, s_axis_image_tlast, s_axis_image_tvalid = 0, s_axis_image_tready;

  dq_axi #(
      .AXI_ADDRESS(AXI_ADDRESS),
      .BUS(BUS),
      .LOG_BURST(LOG_BURST)
  ) dut (
      .aclk(clk),
      .aresetn(!rst),
      .*
  );

  int stall, seed;
  logic fail_data_read = 0, fail_data_write = 0, fail_maps_read = 0, fail_maps_write = 0;
  logic [7:0] bytes[0:(1<<LOG_MEMORY)-1];

  dq_axi_memory #(
      .WIDTH(BUS),
      .ADDRESS(AXI_ADDRESS),
      .LOG_MEMORY(LOG_MEMORY),
      .ORIGIN(ORIGIN),
      .SALT(1)
  ) data_port (
      .clk(clk),
      .rst(rst),
      .seed(seed),
      .stall(stall),
      .fail_read(fail_data_read),
      .fail_write(fail_data_write),
      .araddr(m_axi_data_araddr),
      .arlen(m_axi_data_arlen),
      .arvalid(m_axi_data_arvalid),
      .arready(m_axi_data_arready),
      .rdata(m_axi_data_rdata),
      .rresp(m_axi_data_rresp),
      .rlast(m_axi_data_rlast),
      .rvalid(m_axi_data_rvalid),
      .rready(m_axi_data_rready),
      .awaddr(m_axi_data_awaddr),
      .awlen(m_axi_data_awlen),
      .awvalid(m_axi_data_awvalid),
      .awready(m_axi_data_awready),
      .wdata(m_axi_data_wdata),
      .wstrb(m_axi_data_wstrb),
      .wlast(m_axi_data_wlast),
      .wvalid(m_axi_data_wvalid),
      .wready(m_axi_data_wready),
      .bresp(m_axi_data_bresp),
      .bvalid(m_axi_data_bvalid),
      .bready(m_axi_data_bready)
  );
  dq_axi_rules #(
      .WIDTH(BUS),
      .ADDRESS(AXI_ADDRESS),
      .MOST(1 << LOG_BURST),
      .NAME("m_axi_data")
  ) data_rules (
      .clk(clk),
      .rst(rst),
      .araddr(m_axi_data_araddr),
      .arlen(m_axi_data_arlen),
      .arsize(m_axi_data_arsize),
      .arburst(m_axi_data_arburst),
      .arvalid(m_axi_data_arvalid),
      .arready(m_axi_data_arready),
      .rlast(m_axi_data_rlast),
      .rvalid(m_axi_data_rvalid),
      .rready(m_axi_data_rready),
      .awaddr(m_axi_data_awaddr),
      .awlen(m_axi_data_awlen),
      .awsize(m_axi_data_awsize),
      .awburst(m_axi_data_awburst),
      .awvalid(m_axi_data_awvalid),
      .awready(m_axi_data_awready),
      .wdata(m_axi_data_wdata),
      .wstrb(m_axi_data_wstrb),
      .wlast(m_axi_data_wlast),
      .wvalid(m_axi_data_wvalid),
      .wready(m_axi_data_wready),
      .bvalid(m_axi_data_bvalid),
      .bready(m_axi_data_bready)
  );
  dq_axi_memory #(
      .WIDTH(WORD),
      .ADDRESS(AXI_ADDRESS),
      .LOG_MEMORY(LOG_MEMORY),
      .ORIGIN(ORIGIN),
      .SALT(2)
  ) maps_port (
      .clk(clk),
      .rst(rst),
      .seed(seed),
      .stall(stall),
      .fail_read(fail_maps_read),
      .fail_write(fail_maps_write),
      .araddr(m_axi_maps_araddr),
      .arlen(m_axi_maps_arlen),
      .arvalid(m_axi_maps_arvalid),
      .arready(m_axi_maps_arready),
      .rdata(m_axi_maps_rdata),
      .rresp(m_axi_maps_rresp),
      .rlast(m_axi_maps_rlast),
      .rvalid(m_axi_maps_rvalid),
      .rready(m_axi_maps_rready),
      .awaddr(m_axi_maps_awaddr),
      .awlen(m_axi_maps_awlen),
      .awvalid(m_axi_maps_awvalid),
      .awready(m_axi_maps_awready),
      .wdata(m_axi_maps_wdata),
      .wstrb(m_axi_maps_wstrb),
      .wlast(m_axi_maps_wlast),
      .wvalid(m_axi_maps_wvalid),
      .wready(m_axi_maps_wready),
      .bresp(m_axi_maps_bresp),
      .bvalid(m_axi_maps_bvalid),
      .bready(m_axi_maps_bready)
  );
  dq_axi_rules #(
      .WIDTH(WORD),
      .ADDRESS(AXI_ADDRESS),
      .MOST(1 << LOG_BURST),
      .NAME("m_axi_maps")
  ) maps_rules (
      .clk(clk),
      .rst(rst),
      .araddr(m_axi_maps_araddr),
      .arlen(m_axi_maps_arlen),
      .arsize(m_axi_maps_arsize),
      .arburst(m_axi_maps_arburst),
      .arvalid(m_axi_maps_arvalid),
      .arready(m_axi_maps_arready),
      .rlast(m_axi_maps_rlast),
      .rvalid(m_axi_maps_rvalid),
      .rready(m_axi_maps_rready),
      .awaddr(m_axi_maps_awaddr),
      .awlen(m_axi_maps_awlen),
      .awsize(m_axi_maps_awsize),
      .awburst(m_axi_maps_awburst),
      .awvalid(m_axi_maps_awvalid),
      .awready(m_axi_maps_awready),
      .wdata(m_axi_maps_wdata),
      .wstrb(m_axi_maps_wstrb),
      .wlast(m_axi_maps_wlast),
      .wvalid(m_axi_maps_wvalid),
      .wready(m_axi_maps_wready),
      .bvalid(m_axi_maps_bvalid),
      .bready(m_axi_maps_bready)
  );

  // ---- the end
  logic failed = 0;
  task automatic fail(input string what);
    if (!failed) $display("FAIL %0s", what);
    failed = 1;
    $finish;
  endtask

  // ---- registers, as a processor reads and writes them
  logic [31:0] got;
  int turn;
  task automatic write_register(input logic [11:0] address, input logic [31:0] data, input logic [3:0] strobes,
                                input logic [1:0] response);
    @(negedge clk);
    turn = turn + 1;
    s_axi_awaddr = address;
    s_axi_wdata = data;
    s_axi_wstrb = strobes;
    s_axi_awvalid = turn % 3 != 1;  // address and data together, or one before the other
    s_axi_wvalid = turn % 3 != 2;
    if (turn % 3 != 0) repeat (2) @(negedge clk);
    s_axi_awvalid = 1;
    s_axi_wvalid = 1;
    #1;
    while (!s_axi_awready || !s_axi_wready) begin
      @(negedge clk);
      #1;
    end
    @(negedge clk);
    s_axi_awvalid = 0;
    s_axi_wvalid = 0;
    repeat (turn % 4) @(negedge clk);
    s_axi_bready = 1;
    #1;
    while (!s_axi_bvalid) begin
      @(negedge clk);
      #1;
    end
    if (s_axi_bresp !== response) fail($sformatf("a write of register %h is answered with %b", address, s_axi_bresp));
    @(negedge clk);
    s_axi_bready = 0;
  endtask

  task automatic put(input logic [11:0] address, input logic [31:0] data);
    write_register(address, data, 4'hf, 2'b00);
  endtask

  task automatic read_register(input logic [11:0] address, input logic [1:0] response);
    @(negedge clk);
    s_axi_araddr  = address;
    s_axi_arvalid = 1;
    #1;
    while (!s_axi_arready) begin
      @(negedge clk);
      #1;
    end
    @(negedge clk);
    s_axi_arvalid = 0;
    s_axi_rready  = 1;
    #1;
    while (!s_axi_rvalid) begin
      @(negedge clk);
      #1;
    end
    got = s_axi_rdata;
    if (s_axi_rresp !== response) fail($sformatf("a read of register %h is answered with %b", address, s_axi_rresp));
    @(negedge clk);
    s_axi_rready = 0;
  endtask

  task automatic expect_register(input logic [11:0] address, input logic [31:0] expected, input string when);
    read_register(address, 2'b00);
    if (got !== expected) fail($sformatf("register %h %0s: expected %h got %h", address, when, expected, got));
  endtask

  // ---- memory
  string folder, vectors, software, how, name;
  int next;  // first byte of memory that is free
  int bases[0:6];
  int size;  // whether the file that was loaded last was there

  function automatic logic [LOG_MEMORY-1:0] at(input int place);
    at = place[LOG_MEMORY-1:0];
  endfunction

  task automatic load(input string path, input int must);
    int file, one;
    file = $fopen(path, "rb");
    size = 32'(file != 0);  // not behind $fclose, which sets it to 0 in Verilator
    if (file == 0) begin
      if (must != 0) fail($sformatf("the file %0s cannot be read", path));
    end else begin
      one = $fgetc(file);
      while (one >= 0) begin
        bytes[at(next)] = 8'(one);
        next = next + 1;
        one = $fgetc(file);
      end
      $fclose(file);
    end
  endtask

  task automatic align;
    next = (next + 4095) / 4096 * 4096;
  endtask

  task automatic load_streams;
    int tables;
    next = 4096;
    bases[0] = next;
    load($sformatf("%0s/desc.bin", folder), 1);
    align();
    bases[1] = next;
    load($sformatf("%0s/weights_b%0d.bin", folder, WEIGHT), 1);
    align();
    bases[2] = next;
    load($sformatf("%0s/params.bin", folder), 1);
    align();
    bases[3] = next;
    tables = 0;
    size = 1;
    while (size != 0) begin
      load($sformatf("%0s/lut_%0d.bin", folder, tables), 0);
      tables = tables + 1;
    end
    align();
    bases[4] = next;
    load($sformatf("%0s/head.bin", folder), HEAD);
    align();
    bases[6] = next;
    next = next + 16 * dq_config::HEAD_KEPT;
    align();
    bases[5] = next;
    next = next + (ICP << ADDRESS);
    if (next > (1 << LOG_MEMORY)) fail("the test bench's memory is too small: raise LOG_MEMORY");
  endtask

  // What nobody has written must not matter: it is anything but zero.
  task automatic spoil;
    for (int k = 0; k < (ICP << ADDRESS); k++) bytes[at(bases[5]+k)] = 8'(k * 37 + 101);
  endtask

  int image_file, image_parts, base, words, count;
  logic [WORD-1:0] word;
  task automatic write_image;
    image_file  = $fopen($sformatf("%0s/image.mem", vectors), "r");
    image_parts = $fopen($sformatf("%0s/images.txt", vectors), "r");
    if (image_file == 0 || image_parts == 0) fail("there is no image among the vectors");
    while ($fscanf(image_parts, "%d %d", base, words) == 2) begin
      for (int k = 0; k < words; k++) begin
        count = $fscanf(image_file, "%h", word);
        for (int b = 0; b < ICP; b++) bytes[at(bases[5]+(base+k)*ICP+b)] = word[8*b+:8];
      end
    end
    $fclose(image_file);
    $fclose(image_parts);
  endtask

  // ---- pixels
  int pixel_file;
  logic [31:0] form;  // of IMAGE_SIZE
  logic [23:0] pixel;
  task automatic send_pixel(input logic [23:0] data, input logic first, input logic last);
    while (stall > 0 && $urandom % 100 < 32'(stall)) @(negedge clk);
    s_axis_image_tdata  = data;
    s_axis_image_tuser  = first;
    s_axis_image_tlast  = last;
    s_axis_image_tvalid = 1;
    #1;
    turn = 0;
    while (!s_axis_image_tready && turn < 20000) begin
      @(negedge clk);
      #1;
      turn = turn + 1;
    end
    if (turn == 20000) fail("nobody takes a pixel");
    @(negedge clk);
    s_axis_image_tvalid = 0;
  endtask

  // wrong: 0 as it is; 1 a line ends a pixel early; 2 a line does not end; 3 the image begins anew within a line
  task automatic send_image(input int wrong);
    pixel_file = $fopen($sformatf("%0s/pixels.mem", vectors), "r");
    if (pixel_file == 0) fail("there are no pixels among the vectors");
    @(negedge clk);
    repeat (3) send_pixel(24'hdeadbe, 1'b0, 1'b1);  // the end of an image before
    for (int y = 0; y < 32'(form[31:16]); y++) begin
      for (int x = 0; x < 32'(form[15:0]); x++) begin
        count = $fscanf(pixel_file, "%h", pixel);
        if (count != 1) fail("pixels.mem ends early");
        if (!(wrong != 0 && y > 0)) begin
          send_pixel(pixel, x == 0 && y == 0 || wrong == 3 && x == 1,
                     wrong == 2 ? 1'b0 : x + 1 == 32'(form[15:0]) || wrong == 1 && x + 2 == 32'(form[15:0]));
          if (wrong == 1 && x + 2 == 32'(form[15:0]) || wrong == 3 && x == 1) y = 32'(form[31:16]);
          if (wrong == 1 && x + 2 == 32'(form[15:0]) || wrong == 3 && x == 1) x = 32'(form[15:0]);
        end
      end
    end
    $fclose(pixel_file);
  endtask

  // ---- what each instruction must have written
  int checks_file, expected_file, found_file;
  int instruction, due, read, groups, height, width, channel;
  int channels[0:ICP-1];
  longint macs, all_macs;
  logic [8*128-1:0] label;
  logic [WORD-1:0] expected;
  logic [7:0] code;
  logic comparing = 0;

  task automatic compare;
    read = 0;
    if (checks_file != 0 && expected_file != 0) begin
      read = $fscanf(checks_file, "%s %d %d %d %d %d", label, base, groups, height, width, macs);
    end
    if (read != 6) fail($sformatf("checks.txt has no line for instruction %0d", instruction));
    for (int group = 0; group < groups && !failed; group++) begin
      for (int lane = 0; lane < ICP; lane++) begin
        read = $fscanf(checks_file, "%d", channel);
        channels[lane] = channel;
      end
      for (int place = 0; place < height * width && !failed; place++) begin
        read = $fscanf(expected_file, "%h", expected);
        for (int lane = 0; lane < ICP; lane++) begin
          code = bytes[at(bases[5]+(base+group*height*width+place)*ICP+lane)];
          if (channels[lane] >= 0 && code !== expected[8*lane+:8]) begin
            fail($sformatf("instruction %0d %0s channel %0d y %0d x %0d expected %0d got %0d", instruction, label,
                           channels[lane], place / width, place % width, $signed(expected[8*lane+:8]),
                           $signed(code)));
          end
        end
      end
    end
    all_macs = all_macs + macs;
    instruction = instruction + 1;
  endtask

  // An instruction's maps are looked at when all its writes are answered: from then on the next one may read them.
  always @(posedge clk) begin
    if (dut.retired) due = 1;
    else if (due != 0 && dut.writes_idle) begin
      due = 0;
      if (comparing) compare();
    end
  end

  int most, left_out;
  logic [127:0] detection;
  task automatic compare_found;
    most = 0;
    left_out = 0;
    found_file = $fopen($sformatf("%0s/found.txt", vectors), "r");
    if (found_file != 0) begin
      read = $fscanf(found_file, "%d %d", most, left_out);
      $fclose(found_file);
      found_file = $fopen($sformatf("%0s/found.mem", vectors), "r");
    end
    expect_register(FOUND_COUNT, most, "behind a run");
    expect_register(FOUND_LEFT_OUT, left_out, "behind a run");
    for (int k = 0; k < most && !failed; k++) begin
      read = $fscanf(found_file, "%h", detection);
      for (int b = 0; b < 16; b++) begin
        code = bytes[at(bases[6]+16*k+b)];
        if (code !== detection[8*b+:8]) begin
          fail($sformatf("detection %0d byte %0d expected %h got %h", k, b, detection[8*b+:8], code));
        end
      end
    end
    if (found_file != 0) $fclose(found_file);
  endtask

  // ---- as a driver does it
  int limit, cycles, setup_file, runs, faults, pixels, steps;
  logic [11:0] offset;
  logic [31:0] value;

  task automatic set_up;
    setup_file = $fopen($sformatf("%0s/built.txt", software), "r");
    if (setup_file == 0) fail("sw/built.txt cannot be read");
    while ($fscanf(setup_file, "%h %h", offset, value) == 2) expect_register(offset, value, "of built.txt");
    $fclose(setup_file);
    expect_register(dq_addresses::BUS, BUS / 8, "of the data bus");
    setup_file = $fopen($sformatf("%0s/setup.txt", software), "r");
    if (setup_file == 0) fail("sw/setup.txt cannot be read");
    while ($fscanf(setup_file, "%h %h", offset, value) == 2) begin
      put(offset, value);
      if (offset < PIXELS) expect_register(offset, value, "written before");
      if (offset == IMAGE_SIZE) form = value;
    end
    $fclose(setup_file);
    for (int k = 0; k < 7; k++) begin
      put(DESC_LOW + 12'(16 * k), 32'(ORIGIN) + bases[k]);
      put(DESC_HIGH + 12'(16 * k), 32'(ORIGIN >> 32));
      expect_register(DESC_LOW + 12'(16 * k), 32'(ORIGIN) + bases[k], "written before");
      expect_register(DESC_HIGH + 12'(16 * k), 32'(ORIGIN >> 32), "written before");
    end
    write_register(12'hffc, 32'd1, 4'hf, 2'b10);   // no register
    write_register(12'h000, 32'd1, 4'hf, 2'b10);   // cannot be written
    write_register(PATIENCE, 32'd1, 4'h1, 2'b10);  // not whole
    read_register(12'hffc, 2'b10);
    expect_register(PATIENCE, 32'd0, "not written whole");
  endtask

  // Waits until the interrupt is high, or nothing is done any more.
  task automatic wait_for_interrupt;
    cycles = 0;
    while (!irq && cycles < limit) begin
      @(negedge clk);
      cycles = cycles + 1;
    end
    if (!irq) begin
      read_register(WAITING, 2'b00);
      fail($sformatf("no interrupt after %0d cycles, in instruction %0d; WAITING is %h", cycles, instruction, got));
    end
  endtask

  task automatic wait_until_idle;
    got = 32'd1;
    steps = 0;
    while (got[STATUS_BUSY_AT] && steps < 2000 && !failed) begin
      read_register(STATUS, 2'b00);
      steps = steps + 1;
    end
    if (got[STATUS_BUSY_AT]) fail("the wrapper does not come to rest");
  endtask

  task automatic run_once;
    spoil();
    checks_file = $fopen($sformatf("%0s/checks.txt", vectors), "r");
    expected_file = $fopen($sformatf("%0s/expected.mem", vectors), "r");
    instruction = 0;
    due = 0;
    all_macs = 0;
    comparing = 1;
    put(INTERRUPT_ENABLE, 32'd3);  // the end, and errors
    if (pixels != 0) begin
      put(CONTROL, 32'd3);
      expect_register(STATUS, 32'd3, "while an image is awaited");
      send_image(0);
    end else begin
      write_image();
      put(CONTROL, 32'd1);
    end
    wait_for_interrupt();
    if (maps_port.addressed != maps_port.written || data_port.addressed != data_port.written) begin
      fail("the end is told before all is written");
    end
    expect_register(ERRORS, 32'd0, "behind a run");
    expect_register(STATUS, 32'd1 << STATUS_FINISHED_AT, "behind a run");
    expect_register(INTERRUPTS, pixels != 0 ? 32'd5 : 32'd1, "behind a run");
    put(INTERRUPTS, 32'd1);
    expect_register(INTERRUPTS, pixels != 0 ? 32'd4 : 32'd0, "after the first was cleared");
    if (irq) fail("the interrupt stays high");
    put(INTERRUPTS, 32'd4);
    expect_register(INSTRUCTIONS, instruction, "behind a run");
    if ($fscanf(checks_file, "%s", label) == 1) fail($sformatf("instruction %0d %0s did not run", instruction, label));
    compare_found();
    read_register(CYCLES, 2'b00);
    $display("%0d instructions, %0d cycles, %0.2f %% of the array used", instruction, got,
             100.0 * real'(all_macs) / (real'(got) * ICP * OCP));
    comparing = 0;
    $fclose(checks_file);
    $fclose(expected_file);
  endtask

  // ---- what goes wrong
  task automatic reset_softly(input string when);
    put(CONTROL, 32'd4);
    wait_until_idle();
    expect_register(ERRORS, 32'd0, when);
    expect_register(INTERRUPTS, 32'd0, when);
    expect_register(STATUS, 32'd0, when);
    if (dut.m_axi_maps_arvalid || dut.m_axi_maps_awvalid || dut.m_axi_data_arvalid) fail("buses are not at rest");
    {fail_data_read, fail_data_write, fail_maps_read, fail_maps_write} = '0;
  endtask

  task automatic expect_error(input int place, input string when);
    wait_for_interrupt();
    expect_register(ERRORS, 32'd1 << place, when);
    wait_until_idle();
    put(CONTROL, 32'd1);  // refused while an error stands
    expect_register(ERRORS, 32'd1 << place | 32'd1 << ERRORS_REFUSED_AT, when);
    read_register(STATUS, 2'b00);
    if (got[STATUS_BUSY_AT]) fail("what is refused begins");
    reset_softly(when);
  endtask

  task automatic try_faults;
    put(INTERRUPT_ENABLE, 32'd3);
    spoil();
    write_image();
    for (int k = 0; k < 7; k++) begin
      put(DESC_LOW + 12'(16 * k), 32'(ORIGIN) + bases[k] + 16);
      put(CONTROL, 32'd1);
      expect_error(ERRORS_MISALIGNED_AT, "with a base of no multiple of 4096");
      put(DESC_LOW + 12'(16 * k), 32'(ORIGIN) + bases[k]);
    end
    put(DESC_HIGH, 32'd0);
    put(CONTROL, 32'd1);
    expect_error(ERRORS_DATA_READ_AT, "with descriptors where no memory is");
    put(DESC_HIGH, 32'(ORIGIN >> 32));
    put(MAPS_HIGH, 32'd0);
    put(CONTROL, 32'd1);
    expect_error(ERRORS_MAPS_READ_AT, "with maps where no memory is");
    put(MAPS_HIGH, 32'(ORIGIN >> 32));
    fail_maps_write = 1;
    put(CONTROL, 32'd1);
    expect_error(ERRORS_MAPS_WRITE_AT, "with a memory that refuses writes");
    write_image();
    read_register(DESC_BYTES, 2'b00);
    value = got;
    put(DESC_BYTES, 32'd40);
    put(CONTROL, 32'd1);
    expect_error(ERRORS_DESC_ENDED_AT, "with too few descriptors");
    put(DESC_BYTES, value);
    read_register(PARAMS_BYTES, 2'b00);
    value = got;
    put(PARAMS_BYTES, 32'd0);
    put(PATIENCE, 32'd600);
    put(CONTROL, 32'd1);
    expect_error(ERRORS_STILL_AT, "without parameters");
    put(PARAMS_BYTES, value);
    read_register(TABLES_BYTES, 2'b00);
    value = got;
    if (value != 0) begin
      // The last byte is read, in a beat with others, but lies behind the end: nobody may have it.
      put(TABLES_BYTES, value - 32'd1);
      put(CONTROL, 32'd1);
      expect_error(ERRORS_STILL_AT, "with tables that end a byte early");
      put(TABLES_BYTES, value);
      write_image();
    end
    put(PATIENCE, 32'd0);
    if (most != 0) begin
      fail_data_write = 1;
      put(CONTROL, 32'd1);
      expect_error(ERRORS_DATA_WRITE_AT, "with a memory that refuses detections");
      write_image();
    end
    // A soft reset in the middle, again and again later; what runs is not disturbed by a second start.
    for (int k = 0; k < 12; k++) begin
      put(CONTROL, 32'd1);
      repeat (7 * k * k) @(negedge clk);
      if (k == 5) begin
        put(CONTROL, 32'd1);
        expect_register(ERRORS, 32'd1 << ERRORS_REFUSED_AT, "started twice");
      end
      reset_softly("after a soft reset");
    end
    if (pixels != 0) begin
      put(CONTROL, 32'd2);
      send_image(1);
      expect_error(ERRORS_LINE_EARLY_AT, "with a short line");
      put(CONTROL, 32'd2);
      send_image(2);
      expect_error(ERRORS_LINE_LATE_AT, "with a long line");
      put(CONTROL, 32'd2);
      send_image(3);
      expect_error(ERRORS_FRAME_AT, "with an image within another");
      put(INTERRUPT_ENABLE, 32'd4);
      put(CONTROL, 32'd2);
      send_image(0);
      wait_for_interrupt();
      expect_register(STATUS, 32'd0, "behind an image alone");
      put(INTERRUPTS, 32'd4);
    end
  endtask

  initial begin
    if (!$value$plusargs("mem=%s", folder)) folder = "mem";
    if (!$value$plusargs("vectors=%s", vectors)) vectors = "tb/vectors";
    if (!$value$plusargs("sw=%s", software)) software = "sw";
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    if (!$value$plusargs("runs=%d", runs)) runs = 1;
    if (!$value$plusargs("faults=%d", faults)) faults = 0;
    if (!$value$plusargs("image=%s", how)) how = "stream";
    if (!$value$plusargs("limit=%d", limit)) limit = 100000000;
    pixel_file = $fopen($sformatf("%0s/pixels.mem", vectors), "r");
    pixels = pixel_file != 0 && how != "host" ? 1 : 0;
    if (pixel_file != 0) $fclose(pixel_file);
    turn = 0;
    due = 0;
    instruction = 0;
    for (int k = 0; k < (1 << LOG_MEMORY); k++) bytes[k] = 8'(k * 29 + 83);
    load_streams();
    repeat (4) @(negedge clk);
    rst = 0;
    set_up();
    for (int k = 0; k < runs && !failed; k++) run_once();
    if (faults != 0 && !failed) begin
      try_faults();
      run_once();
    end
    if (!failed) begin
      $display("%0d reads of maps in %0d bursts; %0d beats of streams in %0d bursts", maps_rules.beats,
               maps_rules.bursts, data_rules.beats, data_rules.bursts);
      $display("PASS");
    end
    $finish;
  end
endmodule

// The detector behind AXI: what an FPGA engineer puts beside a processor.
//
//   s_axi        AXI4-Lite  slave   registers (dq_addresses; docs/hardware-registers.md)
//   m_axi_data   AXI4       master  reads the five streams, writes detections
//   m_axi_maps   AXI4       master  reads and writes the memory of maps; a beat is a word of ICP codes
//   s_axis_image AXI4-Stream        images as video, three bytes a pixel; or the host writes them to memory itself
//   irq          high while an enabled event stands
//
// One clock, and a reset that is active low and in step with it. All bursts count upwards (INCR), full width, within
// 4 KiB, id 0. In memory streams lie as the `.bin` files have them, each from a multiple of 4096 on; readers may read up
// to a beat beyond their end. No port of memory is coherent: whoever has caches flushes them before a run and forgets
// them behind it.
//
// Limits: ICP from 4 on (a beat of 32 bits), BUS of 32, 64 or 128 bits, addresses of up to 64 bits of which the lowest
// AXI_ADDRESS are used.
module dq_axi #(
    parameter int AXI_ADDRESS = 40,  // bits of an address of a byte
    parameter int BUS = 64,          // bits of m_axi_data
    parameter int LOG_BURST = 4,     // most beats of a burst, 2^n: 16 also suits AXI3
    parameter int LOG_READS = 5,     // words of maps that are on their way, at most
    parameter int LOG_WRITES = 4,
    parameter int LOG_BURSTS = 3,    // bursts of streams
    // the detector
    parameter int ICP = dq_config::ICP,
    parameter int OCP = dq_config::OCP,
    parameter int LANES = dq_config::LANES,
    parameter int WEIGHT = dq_config::WEIGHT,
    parameter int ACCUMULATOR = dq_config::ACCUMULATOR,
    parameter int MULTIPLIER = dq_config::MULTIPLIER,
    parameter int LOG_ENTRIES = dq_config::LOG_ENTRIES,
    parameter int ADDRESS = dq_config::ADDRESS,
    parameter int LOG_TILES = dq_config::LOG_TILES,
    parameter int SEGMENTS = dq_config::SEGMENTS,
    parameter int HEAD = dq_config::HEAD,
    parameter int HEAD_LEVELS = dq_config::HEAD_LEVELS,
    parameter int HEAD_BINS = dq_config::HEAD_BINS,
    parameter int HEAD_PLACES = dq_config::HEAD_PLACES,
    parameter int HEAD_KEPT = dq_config::HEAD_KEPT,
    parameter int HEAD_SIZE = dq_config::HEAD_SIZE,
    parameter int HEAD_CLASS = dq_config::HEAD_CLASS
) (
    input  logic                   aclk,
    input  logic                   aresetn,
    output logic                   irq,
    // registers
    input  logic [           11:0] s_axi_awaddr,
    input  logic                   s_axi_awvalid,
    output logic                   s_axi_awready,
    input  logic [           31:0] s_axi_wdata,
    input  logic [            3:0] s_axi_wstrb,
    input  logic                   s_axi_wvalid,
    output logic                   s_axi_wready,
    output logic [            1:0] s_axi_bresp,
    output logic                   s_axi_bvalid,
    input  logic                   s_axi_bready,
    input  logic [           11:0] s_axi_araddr,
    input  logic                   s_axi_arvalid,
    output logic                   s_axi_arready,
    output logic [           31:0] s_axi_rdata,
    output logic [            1:0] s_axi_rresp,
    output logic                   s_axi_rvalid,
    input  logic                   s_axi_rready,
    // streams and detections
    output logic [AXI_ADDRESS-1:0] m_axi_data_araddr,
    output logic [            7:0] m_axi_data_arlen,
    output logic [            2:0] m_axi_data_arsize,
    output logic [            1:0] m_axi_data_arburst,
    output logic                   m_axi_data_arvalid,
    input  logic                   m_axi_data_arready,
    input  logic [        BUS-1:0] m_axi_data_rdata,
    input  logic [            1:0] m_axi_data_rresp,
    input  logic                   m_axi_data_rlast,
    input  logic                   m_axi_data_rvalid,
    output logic                   m_axi_data_rready,
    output logic [AXI_ADDRESS-1:0] m_axi_data_awaddr,
    output logic [            7:0] m_axi_data_awlen,
    output logic [            2:0] m_axi_data_awsize,
    output logic [            1:0] m_axi_data_awburst,
    output logic                   m_axi_data_awvalid,
    input  logic                   m_axi_data_awready,
    output logic [        BUS-1:0] m_axi_data_wdata,
    output logic [      BUS/8-1:0] m_axi_data_wstrb,
    output logic                   m_axi_data_wlast,
    output logic                   m_axi_data_wvalid,
    input  logic                   m_axi_data_wready,
    input  logic [            1:0] m_axi_data_bresp,
    input  logic                   m_axi_data_bvalid,
    output logic                   m_axi_data_bready,
    // memory of maps
    output logic [AXI_ADDRESS-1:0] m_axi_maps_araddr,
    output logic [            7:0] m_axi_maps_arlen,
    output logic [            2:0] m_axi_maps_arsize,
    output logic [            1:0] m_axi_maps_arburst,
    output logic                   m_axi_maps_arvalid,
    input  logic                   m_axi_maps_arready,
    input  logic [      ICP*8-1:0] m_axi_maps_rdata,
    input  logic [            1:0] m_axi_maps_rresp,
    input  logic                   m_axi_maps_rlast,
    input  logic                   m_axi_maps_rvalid,
    output logic                   m_axi_maps_rready,
    output logic [AXI_ADDRESS-1:0] m_axi_maps_awaddr,
    output logic [            7:0] m_axi_maps_awlen,
    output logic [            2:0] m_axi_maps_awsize,
    output logic [            1:0] m_axi_maps_awburst,
    output logic                   m_axi_maps_awvalid,
    input  logic                   m_axi_maps_awready,
    output logic [      ICP*8-1:0] m_axi_maps_wdata,
    output logic [        ICP-1:0] m_axi_maps_wstrb,
    output logic                   m_axi_maps_wlast,
    output logic                   m_axi_maps_wvalid,
    input  logic                   m_axi_maps_wready,
    input  logic [            1:0] m_axi_maps_bresp,
    input  logic                   m_axi_maps_bvalid,
    output logic                   m_axi_maps_bready,
    // images
    input  logic [           23:0] s_axis_image_tdata,
    input  logic                   s_axis_image_tuser,
    input  logic                   s_axis_image_tlast,
    input  logic                   s_axis_image_tvalid,
    output logic                   s_axis_image_tready
);
  localparam int STREAMS = 5, DESC = 0, WEIGHTS = 1, PARAMS = 2, TABLES = 3, SETTINGS = 4;  // as in `bases`
  localparam int MAPS = STREAMS, FOUND = STREAMS + 1;
  localparam int ERRORS = 11;
  localparam logic [1:0] INCR = 2'b01;

  generate
    if (ICP < 4) begin : word_check
      dq_error_axi_has_beats_of_4_codes_or_more check ();
    end
    if (BUS != 32 && BUS != 64 && BUS != 128) begin : bus_check
      dq_error_m_axi_data_has_32_64_or_128_bits check ();
    end
    if (LOG_BURST < 2 || LOG_BURST > 8 || (BUS / 8 << LOG_BURST) > 4096) begin : burst_check
      dq_error_bursts_have_4_to_256_beats_and_at_most_4096_bytes check ();
    end
    if (AXI_ADDRESS < 13 || AXI_ADDRESS > 64) begin : address_check
      dq_error_addresses_have_13_to_64_bits check ();
    end
  endgenerate

  logic clk, rst;
  assign clk = aclk;
  assign rst = !aresetn;

  // ---- registers
  logic write, write_known, read_known;
  logic [11:0] write_address, read_address;
  logic [31:0] write_data, read_data;
  dq_axi_lite lite (
      .clk(clk),
      .rst(rst),
      .awaddr(s_axi_awaddr),
      .awvalid(s_axi_awvalid),
      .awready(s_axi_awready),
      .wdata(s_axi_wdata),
      .wstrb(s_axi_wstrb),
      .wvalid(s_axi_wvalid),
      .wready(s_axi_wready),
      .bresp(s_axi_bresp),
      .bvalid(s_axi_bvalid),
      .bready(s_axi_bready),
      .araddr(s_axi_araddr),
      .arvalid(s_axi_arvalid),
      .arready(s_axi_arready),
      .rdata(s_axi_rdata),
      .rresp(s_axi_rresp),
      .rvalid(s_axi_rvalid),
      .rready(s_axi_rready),
      .write(write),
      .write_address(write_address),
      .write_data(write_data),
      .write_known(write_known),
      .read_address(read_address),
      .read_data(read_data),
      .read_known(read_known)
  );

  logic order_start, order_image, order_reset;
  logic event_finished, event_image, event_reset, refused;
  logic imaging, running, draining, complete;
  // Of addresses of 64 bits, and of numbers of words, what the hardware has not is not looked at.
  /* verilator lint_off UNUSEDSIGNAL */
  logic [(STREAMS+2)*64-1:0] bases;
  logic [31:0] image_word, image_plane, image_form;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [STREAMS*32-1:0] bytes;
  logic [31:0] patience, image_size, entry_data, cycles, instructions, found_count, found_left_out, waiting;
  logic [7:0] entry_address;
  logic entry_write;
  logic [4:0] status;
  logic [ERRORS-1:0] errors_set;
  dq_axi_registers #(
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
      .HEAD_PLACES(HEAD_PLACES),
      .HEAD_KEPT(HEAD_KEPT),
      .BUS(BUS),
      .STREAMS(STREAMS),
      .ERRORS(ERRORS)
  ) registers (
      .clk(clk),
      .rst(rst),
      .write(write),
      .write_address(write_address),
      .write_data(write_data),
      .write_known(write_known),
      .read_address(read_address),
      .read_data(read_data),
      .read_known(read_known),
      .irq(irq),
      .order_start(order_start),
      .order_image(order_image),
      .order_reset(order_reset),
      .bases(bases),
      .bytes(bytes),
      .patience(patience),
      .image_size(image_size),
      .image_word(image_word),
      .image_plane(image_plane),
      .image_form(image_form),
      .entry_write(entry_write),
      .entry_address(entry_address),
      .entry_data(entry_data),
      .status(status),
      .errors_set(errors_set),
      .refused(refused),
      .event_finished(event_finished),
      .event_image(event_image),
      .event_reset(event_reset),
      .cycles(cycles),
      .instructions(instructions),
      .found_count(found_count),
      .found_left_out(found_left_out),
      .waiting(waiting)
  );
  assign status[dq_addresses::STATUS_BUSY_AT] = imaging || running || draining;
  assign status[dq_addresses::STATUS_IMAGE_AT] = imaging;
  assign status[dq_addresses::STATUS_RUNNING_AT] = running;
  assign status[dq_addresses::STATUS_DRAINING_AT] = draining;
  assign status[dq_addresses::STATUS_FINISHED_AT] = complete;

  // ---- what happens when
  logic misaligned, start_image, start_run, clear, hold;
  logic image_busy, line_early, line_late, frame, pixel_moves;
  logic finished, retired, multiplies;
  logic reads_idle, writes_idle, streams_idle, found_idle;
  logic reads_failed, writes_failed, streams_failed, found_failed;
  logic streams_move, moves, desc_missing;
  always_comb begin
    misaligned = 1'b0;
    for (int k = 0; k < STREAMS + 2; k++) begin
      if (bases[64*k+:12] != '0) misaligned = 1'b1;
    end
  end
  assign moves = multiplies || pixel_moves || streams_move || (m_axi_maps_rvalid && m_axi_maps_rready) ||
                 (m_axi_maps_wvalid && m_axi_maps_wready) || (m_axi_data_wvalid && m_axi_data_wready);

  dq_axi_run #(
      .ERRORS(ERRORS)
  ) run (
      .clk(clk),
      .rst(rst),
      .order_start(order_start),
      .order_image(order_image),
      .order_reset(order_reset),
      .misaligned(misaligned),
      .image_busy(image_busy),
      .finished(finished),
      .retired(retired),
      .quiet(reads_idle && writes_idle && streams_idle && found_idle),
      .writes_quiet(writes_idle),
      .moves(moves),
      .desc_missing(desc_missing),
      .bus_failed({found_failed, streams_failed, writes_failed, reads_failed}),
      .image_wrong({frame, line_late, line_early}),
      .patience(patience),
      .start_image(start_image),
      .start_run(start_run),
      .clear(clear),
      .hold(hold),
      .imaging(imaging),
      .running(running),
      .draining(draining),
      .complete(complete),
      .errors_set(errors_set),
      .event_finished(event_finished),
      .event_image(event_image),
      .event_reset(event_reset),
      .refused(refused),
      .cycles(cycles),
      .instructions(instructions)
  );

  // ---- streams
  localparam int ROW = LANES * (ACCUMULATOR + MULTIPLIER + 6);
  logic [STREAMS-1:0] want, granted, beat_valid, row_valid, row_ready, ended;
  logic [STREAMS*AXI_ADDRESS-1:0] want_address;
  logic [STREAMS*8-1:0] want_length;
  logic [BUS-1:0] beat;
  logic [31:0] desc_word, settings_word;
  logic [OCP*ICP*WEIGHT-1:0] weight_word;
  logic [ROW-1:0] param_word;
  logic [7:0] table_word;

  genvar k;
  generate
    for (k = 0; k < STREAMS; k = k + 1) begin : streams
      localparam int WIDTH = k == WEIGHTS ? OCP * ICP * WEIGHT : k == PARAMS ? ROW : k == TABLES ? 8 : 32;
      logic [WIDTH-1:0] row;
      dq_axi_reader #(
          .BUS(BUS),
          .ADDRESS(AXI_ADDRESS),
          .LOG_BURST(LOG_BURST),
          .ROW(WIDTH)
      ) reader (
          .clk(clk),
          .rst(rst || clear),
          .start(start_run),
          .base(bases[64*k+:AXI_ADDRESS]),
          .bytes(bytes[32*k+:32]),
          .want(want[k]),
          .granted(granted[k]),
          .want_address(want_address[AXI_ADDRESS*k+:AXI_ADDRESS]),
          .want_length(want_length[8*k+:8]),
          .beat_valid(beat_valid[k]),
          .beat(beat),
          .row_valid(row_valid[k]),
          .row_ready(row_ready[k]),
          .row(row),
          .ended(ended[k])
      );
      if (k == DESC) begin : desc
        assign desc_word = row;
      end else if (k == WEIGHTS) begin : weights
        assign weight_word = row;
      end else if (k == PARAMS) begin : params
        assign param_word = row;
      end else if (k == TABLES) begin : tables
        assign table_word = row;
      end else begin : settings
        assign settings_word = row;
      end
    end
  endgenerate
  assign desc_missing = row_ready[DESC] && ended[DESC] && !start_run;

  dq_axi_arbiter #(
      .BUS(BUS),
      .ADDRESS(AXI_ADDRESS),
      .COUNT(STREAMS),
      .LOG_FLIGHT(LOG_BURSTS)
  ) arbiter (
      .clk(clk),
      .rst(rst),
      .halt(draining),
      .idle(streams_idle),
      .failed(streams_failed),
      .moves(streams_move),
      .want(want),
      .granted(granted),
      .want_address(want_address),
      .want_length(want_length),
      .beat_valid(beat_valid),
      .beat(beat),
      .araddr(m_axi_data_araddr),
      .arlen(m_axi_data_arlen),
      .arvalid(m_axi_data_arvalid),
      .arready(m_axi_data_arready),
      .rdata(m_axi_data_rdata),
      .rresp(m_axi_data_rresp),
      .rlast(m_axi_data_rlast),
      .rvalid(m_axi_data_rvalid),
      .rready(m_axi_data_rready)
  );
  assign m_axi_data_arsize  = 3'($clog2(BUS / 8));
  assign m_axi_data_arburst = INCR;

  // ---- the detector
  logic ask_valid, ask_ready, read_valid, read_ready, map_valid, map_ready;
  logic [ADDRESS-1:0] ask_address, map_address;
  logic [ICP*8-1:0] map_word, map_data;
  logic [ICP-1:0] map_strobe;
  logic found_valid, found_ready, found_end;
  logic [127:0] found_word;
  logic [31:0] left_out;
  logic unused_busy;
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
      .clk(clk),
      .rst(rst || clear),
      .start(start_run),
      .busy(unused_busy),
      .finished(finished),
      .retired(retired),
      .multiplies(multiplies),
      .desc_valid(row_valid[DESC]),
      .desc_ready(row_ready[DESC]),
      .desc_word(desc_word),
      .weight_valid(row_valid[WEIGHTS]),
      .weight_ready(row_ready[WEIGHTS]),
      .weight_word(weight_word),
      .param_valid(row_valid[PARAMS]),
      .param_ready(row_ready[PARAMS]),
      .param_word(param_word),
      .table_valid(row_valid[TABLES]),
      .table_ready(row_ready[TABLES]),
      .table_word(table_word),
      .head_valid(row_valid[SETTINGS]),
      .head_ready(row_ready[SETTINGS]),
      .head_word(settings_word),
      .ask_valid(ask_valid),
      .ask_ready(ask_ready),
      .ask_address(ask_address),
      .read_valid(read_valid),
      .read_ready(read_ready),
      .read_data(map_word),
      .write_valid(map_valid),
      .write_ready(map_ready && !imaging && !draining),
      .write_address(map_address),
      .write_strobe(map_strobe),
      .write_data(map_data),
      .found_valid(found_valid),
      .found_ready(found_ready && !draining),
      .found_end(found_end),
      .found_word(found_word),
      .found_left_out(left_out)
  );

  // ---- images
  logic pixel_valid;
  logic [ADDRESS-1:0] pixel_address;
  logic [ICP-1:0] pixel_strobe;
  logic [ICP*8-1:0] pixel_data;
  dq_axi_pixels #(
      .ICP(ICP),
      .ADDRESS(ADDRESS)
  ) pixels (
      .clk(clk),
      .rst(rst || clear),
      .start(start_image),
      .busy(image_busy),
      .line_early(line_early),
      .line_late(line_late),
      .frame(frame),
      .moves(pixel_moves),
      .width(image_size[dq_addresses::IMAGE_SIZE_WIDTH_AT+:16]),
      .height(image_size[dq_addresses::IMAGE_SIZE_HEIGHT_AT+:16]),
      .fold(image_form[dq_addresses::IMAGE_FORM_FOLD_AT+:4]),
      .base(image_word[ADDRESS-1:0]),
      .plane(image_plane[ADDRESS-1:0]),
      .order({
        image_form[dq_addresses::IMAGE_FORM_THIRD_AT+:2],
        image_form[dq_addresses::IMAGE_FORM_SECOND_AT+:2],
        image_form[dq_addresses::IMAGE_FORM_FIRST_AT+:2]
      }),
      .entry_write(entry_write),
      .entry_address(entry_address),
      .entry_data(entry_data),
      .tdata(s_axis_image_tdata),
      .tuser(s_axis_image_tuser),
      .tlast(s_axis_image_tlast),
      .tvalid(s_axis_image_tvalid),
      .tready(s_axis_image_tready),
      .write_valid(pixel_valid),
      .write_ready(map_ready && imaging),
      .write_address(pixel_address),
      .write_strobe(pixel_strobe),
      .write_data(pixel_data)
  );

  // ---- memory of maps
  dq_axi_map_reads #(
      .WORD(ICP * 8),
      .PLACE(ADDRESS),
      .ADDRESS(AXI_ADDRESS),
      .LOG_BURST(LOG_BURST),
      .LOG_FLIGHT(LOG_READS)
  ) map_reads (
      .clk(clk),
      .rst(rst),
      .hold(hold),
      .idle(reads_idle),
      .failed(reads_failed),
      .drop(draining),
      .base(bases[64*MAPS+:AXI_ADDRESS]),
      .ask_valid(ask_valid),
      .ask_ready(ask_ready),
      .ask_address(ask_address),
      .read_valid(read_valid),
      .read_ready(read_ready),
      .read_data(map_word),
      .araddr(m_axi_maps_araddr),
      .arlen(m_axi_maps_arlen),
      .arvalid(m_axi_maps_arvalid),
      .arready(m_axi_maps_arready),
      .rdata(m_axi_maps_rdata),
      .rresp(m_axi_maps_rresp),
      .rvalid(m_axi_maps_rvalid),
      .rready(m_axi_maps_rready)
  );
  dq_axi_map_writes #(
      .WORD(ICP * 8),
      .PLACE(ADDRESS),
      .ADDRESS(AXI_ADDRESS),
      .LOG_FLIGHT(LOG_WRITES)
  ) map_writes (
      .clk(clk),
      .rst(rst),
      .idle(writes_idle),
      .failed(writes_failed),
      .base(bases[64*MAPS+:AXI_ADDRESS]),
      .write_valid(imaging ? pixel_valid : map_valid && !draining),
      .write_ready(map_ready),
      .write_address(imaging ? pixel_address : map_address),
      .write_strobe(imaging ? pixel_strobe : map_strobe),
      .write_data(imaging ? pixel_data : map_data),
      .awaddr(m_axi_maps_awaddr),
      .awvalid(m_axi_maps_awvalid),
      .awready(m_axi_maps_awready),
      .wdata(m_axi_maps_wdata),
      .wstrb(m_axi_maps_wstrb),
      .wvalid(m_axi_maps_wvalid),
      .wready(m_axi_maps_wready),
      .bresp(m_axi_maps_bresp),
      .bvalid(m_axi_maps_bvalid)
  );
  assign m_axi_maps_arsize = 3'($clog2(ICP));
  assign m_axi_maps_arburst = INCR;
  assign m_axi_maps_awlen = 8'd0;
  assign m_axi_maps_awsize = 3'($clog2(ICP));
  assign m_axi_maps_awburst = INCR;
  assign m_axi_maps_wlast = 1'b1;
  assign m_axi_maps_bready = 1'b1;

  // ---- detections
  dq_axi_found #(
      .BUS(BUS),
      .ADDRESS(AXI_ADDRESS),
      .LOG_FLIGHT(2)
  ) found (
      .clk(clk),
      .rst(rst),
      .start(start_run),
      .idle(found_idle),
      .failed(found_failed),
      .base(bases[64*FOUND+:AXI_ADDRESS]),
      .count(found_count),
      .left_out(found_left_out),
      .found_valid(found_valid && !draining),
      .found_ready(found_ready),
      .found_end(found_end),
      .found_word(found_word),
      .found_left_out(left_out),
      .awaddr(m_axi_data_awaddr),
      .awvalid(m_axi_data_awvalid),
      .awready(m_axi_data_awready),
      .wdata(m_axi_data_wdata),
      .wlast(m_axi_data_wlast),
      .wvalid(m_axi_data_wvalid),
      .wready(m_axi_data_wready),
      .bresp(m_axi_data_bresp),
      .bvalid(m_axi_data_bvalid)
  );
  assign m_axi_data_awlen = 8'(128 / BUS - 1);
  assign m_axi_data_awsize = 3'($clog2(BUS / 8));
  assign m_axi_data_awburst = INCR;
  assign m_axi_data_wstrb = '1;
  assign m_axi_data_bready = 1'b1;

  assign waiting = (32'(row_valid) << dq_addresses::WAITING_ROWS_AT) |
                   (32'(row_ready) << dq_addresses::WAITING_WANTED_AT) |
                   (32'(ended) << dq_addresses::WAITING_ENDED_AT) |
                   (32'({!found_idle, !streams_idle, !writes_idle, !reads_idle}) << dq_addresses::WAITING_BUSES_AT);

  logic unused;
  assign unused = m_axi_maps_rlast;
endmodule

// The registers of dq_axi: what the host writes is kept, what happens is told. Addresses and bits: dq_addresses.
//
// What is written is there in the next cycle; orders (`order_...`) and entries of the pixels' table last one cycle.
module dq_axi_registers #(
    parameter int ICP = 16,
    parameter int OCP = 16,
    parameter int LANES = 16,
    parameter int WEIGHT = 8,
    parameter int ACCUMULATOR = 32,
    parameter int MULTIPLIER = 24,
    parameter int LOG_ENTRIES = 10,
    parameter int ADDRESS = 20,
    parameter int LOG_TILES = 9,
    parameter int SEGMENTS = 8,
    parameter int HEAD = 0,
    parameter int HEAD_PLACES = 1024,
    parameter int HEAD_KEPT = 300,
    parameter int BUS = 64,
    parameter int STREAMS = 5,
    parameter int STATUS = 5,
    parameter int ERRORS = 11
) (
    input  logic                      clk,
    input  logic                      rst,
    // dq_axi_lite
    input  logic                      write,
    input  logic [              11:0] write_address,
    input  logic [              31:0] write_data,
    output logic                      write_known,
    input  logic [              11:0] read_address,
    output logic [              31:0] read_data,
    output logic                      read_known,
    output logic                      irq,
    // orders
    output logic                      order_start,
    output logic                      order_image,
    output logic                      order_reset,
    // settings
    output logic [(STREAMS+2)*64-1:0] bases,           // of the streams, of maps, of detections
    output logic [    STREAMS*32-1:0] bytes,
    output logic [              31:0] patience,
    output logic [              31:0] image_size,
    output logic [              31:0] image_word,
    output logic [              31:0] image_plane,
    output logic [              31:0] image_form,
    output logic                      entry_write,
    output logic [               7:0] entry_address,
    output logic [              31:0] entry_data,
    // what happens
    input  logic [        STATUS-1:0] status,
    input  logic [        ERRORS-1:0] errors_set,
    output logic                      refused,         // an error stands
    input  logic                      event_finished,
    input  logic                      event_image,
    input  logic                      event_reset,
    input  logic [              31:0] cycles,
    input  logic [              31:0] instructions,
    input  logic [              31:0] found_count,
    input  logic [              31:0] found_left_out,
    input  logic [              31:0] waiting
);
  localparam int BASES = STREAMS + 2;
  // Addresses of what is alike, in the order of `bases` and `bytes`, the first one lowest.
  localparam logic [BASES*12-1:0] LOW = {
    dq_addresses::FOUND_LOW, dq_addresses::MAPS_LOW, dq_addresses::HEAD_LOW, dq_addresses::TABLES_LOW,
    dq_addresses::PARAMS_LOW, dq_addresses::WEIGHTS_LOW, dq_addresses::DESC_LOW
  };
  localparam logic [BASES*12-1:0] HIGH = {
    dq_addresses::FOUND_HIGH, dq_addresses::MAPS_HIGH, dq_addresses::HEAD_HIGH, dq_addresses::TABLES_HIGH,
    dq_addresses::PARAMS_HIGH, dq_addresses::WEIGHTS_HIGH, dq_addresses::DESC_HIGH
  };
  localparam logic [STREAMS*12-1:0] BYTES = {
    dq_addresses::HEAD_BYTES, dq_addresses::TABLES_BYTES, dq_addresses::PARAMS_BYTES, dq_addresses::WEIGHTS_BYTES,
    dq_addresses::DESC_BYTES
  };
  // What the hardware was built with.
  localparam logic [31:0] BUILT_ARRAY =
      (32'(ICP) << dq_addresses::ARRAY_ICP_AT) | (32'(OCP) << dq_addresses::ARRAY_OCP_AT) |
      (32'(LANES) << dq_addresses::ARRAY_LANES_AT) | (32'(WEIGHT) << dq_addresses::ARRAY_WEIGHT_AT);
  localparam logic [31:0] BUILT_WIDTHS =
      (32'(ACCUMULATOR) << dq_addresses::WIDTHS_ACCUMULATOR_AT) |
      (32'(MULTIPLIER) << dq_addresses::WIDTHS_MULTIPLIER_AT) |
      (32'(LOG_ENTRIES) << dq_addresses::WIDTHS_LOG_ENTRIES_AT) | (32'(ADDRESS) << dq_addresses::WIDTHS_ADDRESS_AT);
  localparam logic [31:0] BUILT_LIMITS =
      (32'(SEGMENTS) << dq_addresses::LIMITS_SEGMENTS_AT) | (32'(LOG_TILES) << dq_addresses::LIMITS_LOG_TILES_AT) |
      (32'(HEAD) << dq_addresses::LIMITS_HEAD_AT);

  logic [2:0] enabled, events, happened;
  logic [ERRORS-1:0] errors;
  assign refused = errors != '0;
  assign irq = (enabled & events) != '0;
  assign happened[dq_addresses::INTERRUPTS_FINISHED_AT] = event_finished;
  assign happened[dq_addresses::INTERRUPTS_ERROR_AT] = errors_set != '0;
  assign happened[dq_addresses::INTERRUPTS_IMAGE_AT] = event_image;

  logic is_pixels, control;
  assign is_pixels = write_address >= dq_addresses::PIXELS && write_address < dq_addresses::PIXELS + 12'd768 &&
                     write_address[1:0] == 2'd0;
  assign control = write && write_address == dq_addresses::CONTROL;

  always_comb begin
    case (write_address)
      dq_addresses::CONTROL, dq_addresses::INTERRUPT_ENABLE, dq_addresses::INTERRUPTS, dq_addresses::ERRORS,
      dq_addresses::PATIENCE, dq_addresses::IMAGE_SIZE, dq_addresses::IMAGE_WORD, dq_addresses::IMAGE_PLANE,
      dq_addresses::IMAGE_FORM:
      write_known = 1'b1;
      default: write_known = is_pixels;
    endcase
    for (int k = 0; k < BASES; k++) begin
      if (write_address == LOW[12*k+:12] || write_address == HIGH[12*k+:12]) write_known = 1'b1;
      if (k < STREAMS && write_address == BYTES[12*(k%STREAMS)+:12]) write_known = 1'b1;
    end
  end

  always_comb begin
    read_known = 1'b1;
    case (read_address)
      dq_addresses::ID: read_data = dq_addresses::MAGIC;
      dq_addresses::VERSION: read_data = dq_addresses::REVISION;
      dq_addresses::ARRAY: read_data = BUILT_ARRAY;
      dq_addresses::WIDTHS: read_data = BUILT_WIDTHS;
      dq_addresses::LIMITS: read_data = BUILT_LIMITS;
      dq_addresses::HEAD_KEPT: read_data = HEAD != 0 ? 32'(HEAD_KEPT) : '0;
      dq_addresses::HEAD_PLACES: read_data = HEAD != 0 ? 32'(HEAD_PLACES) : '0;
      dq_addresses::BUS: read_data = 32'(BUS / 8);
      dq_addresses::CONTROL: read_data = '0;
      dq_addresses::STATUS: read_data = 32'(status);
      dq_addresses::INTERRUPT_ENABLE: read_data = 32'(enabled);
      dq_addresses::INTERRUPTS: read_data = 32'(events);
      dq_addresses::ERRORS: read_data = 32'(errors);
      dq_addresses::PATIENCE: read_data = patience;
      dq_addresses::CYCLES: read_data = cycles;
      dq_addresses::INSTRUCTIONS: read_data = instructions;
      dq_addresses::FOUND_COUNT: read_data = found_count;
      dq_addresses::FOUND_LEFT_OUT: read_data = found_left_out;
      dq_addresses::IMAGE_SIZE: read_data = image_size;
      dq_addresses::IMAGE_WORD: read_data = image_word;
      dq_addresses::IMAGE_PLANE: read_data = image_plane;
      dq_addresses::IMAGE_FORM: read_data = image_form;
      dq_addresses::WAITING: read_data = waiting;
      default: begin
        read_data  = '0;
        read_known = 1'b0;
      end
    endcase
    for (int k = 0; k < BASES; k++) begin
      if (read_address == LOW[12*k+:12]) begin
        read_data  = bases[64*k+:32];
        read_known = 1'b1;
      end
      if (read_address == HIGH[12*k+:12]) begin
        read_data  = bases[64*k+32+:32];
        read_known = 1'b1;
      end
      if (k < STREAMS && read_address == BYTES[12*(k%STREAMS)+:12]) begin
        read_data  = bytes[32*(k%STREAMS)+:32];
        read_known = 1'b1;
      end
    end
  end

  always_ff @(posedge clk) begin
    order_start   <= control && write_data[dq_addresses::CONTROL_START_AT];
    order_image   <= control && write_data[dq_addresses::CONTROL_IMAGE_AT];
    order_reset   <= control && write_data[dq_addresses::CONTROL_RESET_AT];
    entry_write   <= write && is_pixels;
    entry_address <= write_address[9:2];
    entry_data    <= write_data;
    events <= (events & ~(write && write_address == dq_addresses::INTERRUPTS ? write_data[2:0] : '0)) | happened;
    errors <= (errors & ~(write && write_address == dq_addresses::ERRORS ? write_data[ERRORS-1:0] : '0)) | errors_set;
    if (write) begin
      case (write_address)
        dq_addresses::INTERRUPT_ENABLE: enabled <= write_data[2:0];
        dq_addresses::PATIENCE: patience <= write_data;
        dq_addresses::IMAGE_SIZE: image_size <= write_data;
        dq_addresses::IMAGE_WORD: image_word <= write_data;
        dq_addresses::IMAGE_PLANE: image_plane <= write_data;
        dq_addresses::IMAGE_FORM: image_form <= write_data;
        default: ;
      endcase
      for (int k = 0; k < BASES; k++) begin
        if (write_address == LOW[12*k+:12]) bases[64*k+:32] <= write_data;
        if (write_address == HIGH[12*k+:12]) bases[64*k+32+:32] <= write_data;
        if (k < STREAMS && write_address == BYTES[12*(k%STREAMS)+:12]) bytes[32*(k%STREAMS)+:32] <= write_data;
      end
    end
    if (event_reset || rst) begin
      events <= '0;
      errors <= '0;
    end
    if (rst) begin
      {order_start, order_image, order_reset, entry_write} <= '0;
      enabled <= '0;
      bases <= '0;
      bytes <= '0;
      patience <= '0;
      {image_size, image_word, image_plane, image_form} <= '0;
    end
  end
endmodule

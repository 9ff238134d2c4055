import io.openlineage.client.Clients;
import io.openlineage.client.OpenLineage;
import io.openlineage.client.OpenLineage.RunEvent.EventType;
import io.openlineage.client.OpenLineageClient;
import java.net.URI;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/** Loads orders, as far as OpenLineage sees; Clients.newClient() alone knows where its events go. Argument: the id of the run. */
public final class LoadOrders {
  private static final String SOURCE = "s3://raw";
  private static final String TARGET = "postgres://db:5432";
  private static final OpenLineage LINEAGE = new OpenLineage(URI.create("https://example.com/load-orders"));

  public static void main(String[] arguments) throws Exception {
    try (OpenLineageClient client = Clients.newClient()) {
      for (EventType state : List.of(EventType.START, EventType.COMPLETE)) {
        client.emit(
            LINEAGE.newRunEventBuilder()
                .eventType(state)
                .eventTime(ZonedDateTime.now(ZoneOffset.UTC))
                .run(LINEAGE.newRunBuilder().runId(UUID.fromString(arguments[0])).build())
                .job(LINEAGE.newJobBuilder().namespace("java").name("load_orders").build())
                .inputs(List.of(orders()))
                .outputs(List.of(sales()))
                .build());
      }
    }
  }

  private static OpenLineage.InputDataset orders() {
    return LINEAGE.newInputDatasetBuilder()
        .namespace(SOURCE)
        .name("orders.csv")
        .facets(LINEAGE.newDatasetFacetsBuilder().schema(schema("price", "rate", "country")).build())
        .build();
  }

  private static OpenLineage.OutputDataset sales() {
    return LINEAGE.newOutputDatasetBuilder()
        .namespace(TARGET)
        .name("shop.public.sales")
        .facets(
            LINEAGE.newDatasetFacetsBuilder().schema(schema("euros")).columnLineage(columnLineage()).build())
        .build();
  }

  private static OpenLineage.SchemaDatasetFacet schema(String... names) {
    return LINEAGE.newSchemaDatasetFacetBuilder()
        .fields(
            Arrays.stream(names)
                .map(name -> LINEAGE.newSchemaDatasetFacetFieldsBuilder().name(name).type("text").build())
                .toList())
        .build();
  }

  /** euros is computed from price and rate; country only decides which rows there are. */
  private static OpenLineage.ColumnLineageDatasetFacet columnLineage() {
    return LINEAGE.newColumnLineageDatasetFacetBuilder()
        .fields(
            LINEAGE.newColumnLineageDatasetFacetFieldsBuilder()
                .put(
                    "euros",
                    LINEAGE.newColumnLineageDatasetFacetFieldsAdditionalBuilder()
                        .inputFields(
                            List.of(
                                column("price", "DIRECT", "TRANSFORMATION"), column("rate", "DIRECT", "TRANSFORMATION")))
                        .build())
                .build())
        .dataset(List.of(column("country", "INDIRECT", "FILTER")))
        .build();
  }

  private static OpenLineage.InputField column(String name, String type, String subtype) {
    return LINEAGE.newInputFieldBuilder()
        .namespace(SOURCE)
        .name("orders.csv")
        .field(name)
        .transformations(
            List.of(LINEAGE.newInputFieldTransformationsBuilder().type(type).subtype(subtype).build()))
        .build();
  }
}
